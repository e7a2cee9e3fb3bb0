import { refuseUnknown, settingsOf } from '../arguments.js'
import type { Norm } from '../geometry/norm.js'
import type { Precision } from '../graph/builder.js'
import type { RoundingMode } from '../operators/rounding.js'
import type { BallSettings, DomainMode } from '../passes/ball-settings.js'
import { range, viewSamples } from '../sampling/rows.js'
import { boundAsFarAsNeeded } from './as-far-as-needed.js'
import type { Bound, BoundContext } from './bound.js'
import { checkChoice, checkRounds } from './check-settings.js'
import { Refinement, samplesPerRun } from './refinement.js'
import { marginRows, marginsOf } from './rows.js'

export interface RelaxationSettings {
  readonly norm: Norm
  /** `intersect` (default): perturbed inputs stay in the model's domain. `ignore`: they may leave it. */
  readonly domain?: DomainMode
  /**
   * `covered` (default): the bound holds for the model as it runs in float32. `ignored`: for exact arithmetic, and
   * only up to the rounding of the bound itself; such a bound is not sound.
   */
  readonly rounding?: RoundingMode
  /** What the bound itself is computed in. Default `float32`; float64 is a reference to compare with. */
  readonly precision?: Precision
}

export interface CrownSettings extends RelaxationSettings {
  /**
   * How often margins that are not known to be positive are bounded again, over that part of the ball where they may not
   * be. `first layer`: once, with bounds anew only of values that are linear in the input, which takes little time.
   * Margins that {@link crownIbp} shows to be far from zero stay as it has them. Default 0, CROWN as published.
   */
  readonly cuts?: number | 'first layer'
}

/**
 * Linear relaxation of the whole network, with CROWN bounds for the intermediate layers (Zhang, Weng, Chen, Hsieh and
 * Daniel, "Efficient neural network robustness certification with general activation functions", NeurIPS 2018).
 *
 * With `cuts`, what is left uncertified is bounded again where its own linear bound lets the margin be negative. That may
 * prove a margin positive without telling how large it is: the margin then is less than the least positive float32 number.
 * @throws SettingsError for settings that do not exist; when it runs, UnsupportedOperatorError for operators that have no
 * relaxation.
 */
export function crown(settings: CrownSettings): Bound {
  const { cuts = 0, ...relaxation } = settingsOf('crown', settings, "{ norm: 'linf' }")
  checkRounds('crown', 'cuts', cuts, ['first layer'])
  const firstLayerOnly = cuts === 'first layer'
  const rounds = firstLayerOnly ? 1 : cuts
  return relaxationBound(
    'crown',
    relaxation,
    async (refinement, { model, inputs, labels }) => {
      const rows = marginRows(labels, model.classes)
      const bounds =
        rounds === 0
          ? (await refinement.refineAndBound(rows, { gives: 'bounds' })).bounds
          : await boundAsFarAsNeeded(refinement, rows, await model.predict(inputs), { rounds, firstLayerOnly })
      return marginsOf(rows, bounds, labels.length, model.classes)
    },
    { cuts },
  )
}

/**
 * CROWN-IBP: linear relaxation of the whole network, with interval bounds for the intermediate layers (Zhang, Chen, Xiao,
 * Gowal, Stanforth, Li, Boning and Hsieh, "Towards stable and efficient training of verifiably robust neural networks",
 * ICLR 2020). About as cheap as {@link intervalPropagation}, and between it and {@link crown} in tightness.
 * @throws as {@link crown} does.
 */
export function crownIbp(settings: RelaxationSettings): Bound {
  return relaxationBound('crownIbp', settings, async (refinement, { labels }) => {
    await refinement.refineLinear()
    return refinement.margins(labels, 'input')
  })
}

/**
 * Interval bound propagation (Gowal et al., "On the effectiveness of interval bound propagation", 2018), with the
 * margins taken through the last linear operators together. Much cheaper than {@link crown} and much looser.
 * @throws as {@link crown} does.
 */
export function intervalPropagation(settings: RelaxationSettings): Bound {
  return relaxationBound('intervalPropagation', settings, async (refinement, { labels }) => {
    await refinement.refineLinear()
    return refinement.margins(labels, 'last nonlinear outputs')
  })
}

/** A bound that runs part by part through the samples. `recorded` are settings of its own. */
export function relaxationBound(
  name: string,
  settings: RelaxationSettings,
  boundMargins: (refinement: Refinement, part: Omit<BoundContext, 'budget'>) => Promise<Float64Array>,
  recorded: Bound['settings'] = {},
): Bound {
  const {
    norm,
    domain = 'intersect',
    rounding = 'covered',
    precision = 'float32',
    ...others
  } = settingsOf(name, settings, "{ norm: 'linf' }")
  refuseUnknown(name, others)
  checkChoice(name, 'norm', norm, ['linf', 'l2', 'l1'])
  checkChoice(name, 'domain', domain, ['intersect', 'ignore'])
  checkChoice(name, 'rounding', rounding, ['covered', 'ignored'])
  checkChoice(name, 'precision', precision, ['float32', 'float64'])
  const filled: BallSettings = { norm, domain, rounding, precision }
  return {
    name,
    norm,
    sound: rounding === 'covered',
    settings: { ...filled, ...recorded },
    async margins({ model, inputs, labels, budget, progress }, epsilon) {
      const count = inputs.shape[0]
      const margins = new Float64Array(count * model.classes).fill(Number.NEGATIVE_INFINITY)
      labels.forEach((label, sample) => {
        margins[sample * model.classes + label] = 0
      })
      const most = samplesPerRun(model)
      for (let start = 0; start < count && (await budget.next()); start += most) {
        const part = viewSamples(inputs, range(count).slice(start, start + most))
        const radii = epsilon.slice(start, start + most)
        const refinement = Refinement.around(model, part, radii, filled, budget)
        const found = await boundMargins(refinement, { model, inputs: part, labels: labels.slice(start, start + most) })
        margins.set(found, start * model.classes)
        progress?.(Math.min((start + most) / count, 1))
      }
      return margins
    },
  }
}
