import { refuseUnknown, settingsOf } from '../arguments.js'
import { pgd } from '../attacks/perturbation-analysis/pgd.js'
import type { Bound, BoundContext } from '../bounds/bound.js'
import { checkChoice } from '../bounds/check-settings.js'
import { inputBall } from '../bounds/input-ball.js'
import { samplesPerRun } from '../bounds/refinement.js'
import { marginRows, marginsOf } from '../bounds/rows.js'
import { leastPositive } from '../geometry/float32.js'
import type { Norm } from '../geometry/norm.js'
import { predictClasses } from '../model/predict-classes.js'
import { randomSource, randomSources } from '../sampling/random.js'
import { batches, range, rowOf, takeSamples } from '../sampling/rows.js'
import { branchAndBound, type Search } from './branch-and-bound.js'
import { descend } from './descent.js'
import { Inquiry } from './inquiry.js'
import type { Confirm, Question } from './question.js'

export interface CompleteSettings {
  readonly norm: Norm
}

// Of random starts: the same bound for the same samples.
const seed = 0
const mostBoxes = 65_536

/**
 * Verification of each class at the radius that is asked for, within the domain: linear relaxation, then a search that may
 * find the sample fooled (in ℓ2 and ℓ1 by `pgd`), then optimised slopes and cuts, then splitting of units (Relu, LeakyRelu, PRelu);
 * with at most 16 features, in ℓ∞ and of models with other kinks, halving of the box around the ball until all is decided (see
 * {@link branchAndBound}). Meant for one radius, as in `toHaveLowerBoundAbove`: it tells whether a margin is positive, not how
 * large it is, and gives the least positive number where it is.
 * @throws SettingsError for settings that do not exist; when it runs, UnsupportedOperatorError for operators that have no
 * relaxation.
 */
export function complete(settings: CompleteSettings): Bound {
  const { norm, ...others } = settingsOf('complete', settings, "{ norm: 'linf' }")
  refuseUnknown('complete', others)
  checkChoice('complete', 'norm', norm, ['linf', 'l2', 'l1'])
  return {
    name: 'complete',
    norm,
    sound: true,
    settings: { norm, domain: 'intersect', rounding: 'covered' },
    async margins(context, epsilon) {
      const { model, inputs, labels, budget } = context
      const settings = { norm, domain: 'intersect', rounding: 'covered', precision: 'float32' } as const
      const { lower, upper } = inputBall(inputs, epsilon, model.domain, settings)
      const size = model.domain.lower.length
      const rivals = Array.from(labels, (label) => range(model.classes).filter((other) => other !== label))
      const questions = rivals.map(
        (others, sample): Question => ({
          lower: rowOf(lower as Float32Array, size, sample),
          upper: rowOf(upper as Float32Array, size, sample),
          ball:
            norm === 'linf' ? undefined : { norm, center: rowOf(inputs.data, size, sample), radius: epsilon[sample] },
          cases: others.map((other) => [{ plus: labels[sample], minus: other }]),
        }),
      )
      const confirm: Confirm = async (points, samples) => {
        const predictions = await predictClasses(model, points)
        return samples.map((sample, index) => {
          const position = rivals[sample].indexOf(predictions[index])
          return position < 0 ? undefined : position
        })
      }
      const inquiry = new Inquiry(model, questions, confirm)
      const random = randomSource(seed)
      const search: Search = async (parts) => {
        if (norm === 'linf') return descend(inquiry, parts, random, budget)
        const asked = new Set(inquiry.unanswered(parts).map(({ question }) => question))
        const samples = [...asked].filter((sample) => epsilon[sample] > 0)
        for (const group of batches(samples, samplesPerRun(model))) {
          await inquiry.propose(await attacked(context, norm, epsilon, group), group)
        }
      }
      await branchAndBound(inquiry, search, budget, mostBoxes)
      // Where it is decided, margins are known to be positive, and no more.
      const known = inquiry.answers.flatMap(({ open }, sample) =>
        rivals[sample].map((_, position) => (open.has(position) ? Number.NEGATIVE_INFINITY : leastPositive)),
      )
      return marginsOf(marginRows(labels, model.classes), known, labels.length, model.classes)
    },
  }
}

/** What an attack makes of some of the samples. */
async function attacked(
  { model, inputs, labels, budget }: BoundContext,
  norm: Norm,
  epsilon: Float64Array,
  samples: readonly number[],
): Promise<Float32Array[]> {
  const epsilons = Float64Array.from(samples, (sample) => epsilon[sample])
  const taken = takeSamples(inputs, samples)
  const { adversarial } = await pgd({ norm, epsilon: epsilons }).run({
    model,
    inputs: taken,
    epsilons,
    labels: Int32Array.from(samples, (sample) => labels[sample]),
    targets: undefined,
    random: randomSources(seed, samples),
    budget,
    otherSamples: async () => ({ inputs: taken, classes: new Int32Array(samples.length) }),
    progress: () => {},
  })
  return samples.map((_, row) => rowOf(adversarial, adversarial.length / samples.length, row))
}
