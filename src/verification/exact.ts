import { refuseUnknown, settingsOf } from '../arguments.js'
import type { Attack, AttackContext } from '../attacks/attack.js'
import type { Bound, BoundContext } from '../bounds/bound.js'
import { checkChoice } from '../bounds/check-settings.js'
import { leastPositive } from '../geometry/float32.js'
import type { Norm } from '../geometry/norm.js'
import { clipToDomain } from '../geometry/projection.js'
import { perturbationOnSphere } from '../geometry/random-perturbation.js'
import { predictClasses } from '../model/predict-classes.js'
import { randomSources } from '../sampling/random.js'
import { range } from '../sampling/rows.js'
import type { DistanceInterval } from './distance-interval.js'
import { exactDistances } from './exact-distance.js'

export interface ExactSettings {
  readonly norm: Norm
}

// Of the attack that the bound starts from: the same bound for the same samples.
const seed = 0
// How far beyond the nearest point to look for a float32 input, as shares of the distance.
const overshoots = range(18).map((power) => 2 ** (power - 24))
// At each of these distances from it.
const pointsBeside = 64

/**
 * The distance to the nearest input of the domain that is classified otherwise, by branch and bound (see {@link
 * exactDistances}), as an attack and as a bound: `attack(model, exact({ norm }), …)` finds the nearest adversarial
 * example, `bound(model, exact({ norm }), …)` tells the radius below which there is none. Where the attack is not
 * interrupted and leaves nothing unproved (which the bound alone does not tell), both are the distance: to 1e-9 of it in exact arithmetic, and as
 * near as float32 inputs come to it. For models of at most 16 features, and to 1e-6 for units (Relu, LeakyRelu, PRelu)
 * behind any number of them, as long as no more than some hundred can switch within reach; the yardstick for other
 * attacks and bounds. Computed in float64 and not corrected for the rounding of the deployed model, so the bound is an
 * estimate, not a proof.
 * @throws SettingsError for settings that do not exist and, when it runs, for a model of more features and other operators; then also
 * UnsupportedOperatorError for operators that have no relaxation.
 */
export function exact(settings: ExactSettings): Attack & Bound {
  const { norm, ...others } = settingsOf('exact', settings, "{ norm: 'linf' }")
  refuseUnknown('exact', others)
  checkChoice('exact', 'norm', norm, ['linf', 'l2', 'l1'])
  return {
    name: 'exact',
    kind: 'minimal-distance',
    norm,
    sound: false,
    settings: { norm },
    async run(context) {
      const intervals = await exactDistances(context, norm)
      return {
        adversarial: await reachable(context, intervals),
        steps: Int32Array.from(intervals, ({ boxes }) => boxes),
        gradientQueries: Int32Array.from(intervals, ({ gradientQueries }) => gradientQueries),
        unproved: intervals.map(({ obstacle }) => obstacle),
        interrupted: intervals.some(({ proved, obstacle }) => !proved && obstacle === undefined),
      }
    },
    async radii(context) {
      const intervals = await exactDistances(asAttack(context), norm)
      return Float64Array.from(intervals, ({ lower }) => lower)
    },
    async margins(context, epsilon) {
      const intervals = await exactDistances(asAttack(context), norm)
      const { classes } = context.model
      return Float64Array.from({ length: intervals.length * classes }, (_, index) => {
        const sample = Math.floor(index / classes)
        if (index % classes === context.labels[sample]) return 0
        // Known to be positive, and no more.
        return intervals[sample].lower > epsilon[sample] ? leastPositive : Number.NEGATIVE_INFINITY
      })
    },
  }
}

/** What a bound is given, for an attack to start from. */
function asAttack({ model, inputs, labels, budget, progress = () => {} }: BoundContext): AttackContext {
  return {
    model,
    inputs,
    labels,
    budget,
    epsilons: undefined,
    targets: undefined,
    random: randomSources(seed, range(labels.length)),
    otherSamples: async () => ({ inputs, classes: labels }),
    progress,
  }
}

/**
 * Float32 inputs as near to the nearest points as the model as deployed confirms that they are classified otherwise: a
 * little further on the ray from the sample; where the other class is a corner that the ray only touches, beside it. What
 * the search started from where there is no such point.
 */
async function reachable(
  { model, inputs, labels, random }: AttackContext,
  intervals: readonly DistanceInterval[],
): Promise<Float32Array> {
  const size = model.domain.lower.length
  const found = new Float32Array(inputs.data.length)
  intervals.forEach(({ start }, sample) => {
    found.set(start, sample * size)
  })
  let open = range(labels.length).filter((sample) => intervals[sample].nearest)
  const confirm = async (count: number, trialOf: (sample: number) => Float64Array) => {
    const trials = new Float32Array(open.length * count * size)
    const samples = open.flatMap((sample) => range(count).map(() => sample))
    samples.forEach((sample, row) => {
      const trial = trials.subarray(row * size, (row + 1) * size)
      trial.set(trialOf(sample))
      clipToDomain(trial, model.domain)
    })
    const classes = await predictClasses(model, { data: trials, shape: [samples.length, ...model.featureShape] })
    const fooling = new Map(samples.flatMap((sample, row) => (classes[row] !== labels[sample] ? [[sample, row]] : [])))
    for (const [sample, row] of fooling) found.set(trials.subarray(row * size, (row + 1) * size), sample * size)
    open = open.filter((sample) => !fooling.has(sample))
  }
  for (const overshoot of overshoots) {
    await confirm(1, (sample) =>
      intervals[sample].nearest!.map(
        (value, feature) => value + overshoot * (value - inputs.data[sample * size + feature]),
      ),
    )
    if (open.length === 0) return found
  }
  for (const overshoot of overshoots) {
    await confirm(pointsBeside, (sample) => {
      const { nearest, upper } = intervals[sample]
      const change = perturbationOnSphere('l2', overshoot * upper, size, random[sample])
      return nearest!.map((value, feature) => value + change[feature])
    })
    if (open.length === 0) break
  }
  return found
}
