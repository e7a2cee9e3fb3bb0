import { refuseUnknown, settingsOf } from '../../arguments.js'
import { diameter } from '../../geometry/diameter.js'
import type { Norm } from '../../geometry/norm.js'
import { largestBatch } from '../../model/predict-classes.js'
import type { DomainMode } from '../../passes/ball-settings.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { Bound, BoundContext } from '../bound.js'
import { checkChoice } from '../check-settings.js'
import { layerByLayer, type PairMargin } from './layer-by-layer.js'
import { improveLocally } from './local-margins.js'
import { unknownMargins } from './unknown-margins.js'

export interface LipschitzSettings {
  readonly norm: Norm
  /**
   * `global` (default): constants of the layers, for all inputs; very cheap. `local`: also bounds of the gradient over the
   * ball, of which the better one counts; closer for small radii, and as costly as a few gradients per class.
   */
  readonly scope?: 'global' | 'local'
  /** `intersect` (default): perturbed inputs stay in the model's domain, of which only `local` makes use. */
  readonly domain?: DomainMode
}

/**
 * The margin at the sample less ε times a Lipschitz constant, the product of those of the layers (Peck, "Lower bounds on
 * the robustness to adversarial perturbations", 2017, Algorithm 5.1, with operator norms where its Frobenius norms and
 * norms of outputs prove nothing; see docs/bounds.md). Very cheap, as constants are computed once per model, and much
 * looser than {@link crown}.
 * @throws SettingsError for settings that do not exist; when it runs, UnsupportedOperatorError for an operator without a
 * constant.
 */
export function lipschitz(settings: LipschitzSettings): Bound {
  const {
    norm,
    scope = 'global',
    domain = 'intersect',
    ...others
  } = settingsOf('lipschitz', settings, "{ norm: 'linf' }")
  refuseUnknown('lipschitz', others)
  checkChoice('lipschitz', 'norm', norm, ['linf', 'l2', 'l1'])
  checkChoice('lipschitz', 'scope', scope, ['global', 'local'])
  checkChoice('lipschitz', 'domain', domain, ['intersect', 'ignore'])
  const described = { name: 'lipschitz', norm, sound: true, settings: { norm, scope, domain } }
  if (scope === 'global') {
    return {
      ...described,
      margins: (context, epsilon) => globalMargins(norm, context, epsilon),
      radii: (context) => globalRadii(norm, context),
    }
  }
  const ball = { norm, domain, rounding: 'covered', precision: 'float32' } as const
  return {
    ...described,
    async margins(context, epsilon) {
      const margins = await globalMargins(norm, context, epsilon)
      await improveLocally(context, epsilon, ball, margins)
      return margins
    },
  }
}

async function globalMargins(norm: Norm, context: BoundContext, epsilon: Float64Array): Promise<Float64Array> {
  const { labels, model } = context
  const margins = unknownMargins(labels, model.classes)
  await forEachPair(norm, context, (pair) => {
    const margin = pair.margin - pair.error - pair.gain * epsilon[pair.sample]
    // NaN certifies nothing.
    if (margin > Number.NEGATIVE_INFINITY && epsilon[pair.sample] < pair.reach) {
      margins[pair.sample * model.classes + pair.other] = margin
    }
  })
  return margins
}

async function globalRadii(norm: Norm, context: BoundContext): Promise<Float64Array> {
  const { labels, model } = context
  const largest = diameter(model.domain, norm)
  const radii = new Float64Array(labels.length)
  const seen = new Set<number>()
  await forEachPair(norm, context, (pair) => {
    const rest = pair.margin - pair.error
    const own = rest > 0 ? Math.min(rest / pair.gain, pair.reach, largest) * (1 - 2 ** -40) : 0
    radii[pair.sample] = seen.has(pair.sample) ? Math.min(radii[pair.sample], own) : own
    seen.add(pair.sample)
  })
  return radii
}

interface Pair extends PairMargin {
  readonly sample: number
  readonly other: number
  /** Nothing is known of balls that are no smaller. */
  readonly reach: number
}

async function forEachPair(norm: Norm, { model, inputs, labels, budget }: BoundContext, visit: (pair: Pair) => void) {
  // The absolute values of all inputs are held beside them.
  for (const batch of batches(range(labels.length), largestBatch(model, 3))) {
    if (!(await budget.next())) return
    const layers = await layerByLayer(model, norm, takeSamples(inputs, batch), budget)
    if (!layers) return
    batch.forEach((sample, index) => {
      const reach = layers.reach(index)
      for (const other of range(model.classes)) {
        if (other === labels[sample]) continue
        visit({ sample, other, reach, ...layers.pair(index, labels[sample], other) })
      }
    })
  }
}
