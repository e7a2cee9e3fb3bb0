import { refuseUnknown, settingsOf } from '../arguments.js'
import type { Bound } from '../bounds/bound.js'
import { checkChoice } from '../bounds/check-settings.js'
import { inputBall } from '../bounds/input-ball.js'
import { marginRows, marginsOf } from '../bounds/rows.js'
import { leastPositive } from '../geometry/float32.js'
import { predictClasses } from '../model/predict-classes.js'
import { randomSource } from '../sampling/random.js'
import { range, rowOf } from '../sampling/rows.js'
import { branchAndBound } from './branch-and-bound.js'
import { Inquiry } from './inquiry.js'
import type { Confirm, Question } from './question.js'

export interface CompleteSettings {
  readonly norm: 'linf'
}

// Of the random starts of the descent: the same bound for the same samples.
const seed = 0

/**
 * Verification of each class at the radius that is asked for: linear relaxation, then a descent that may find the
 * sample fooled, then optimised slopes and cuts, then splitting of units (Relu, LeakyRelu, PRelu); with at most 16 features,
 * halving of the ball until all is decided (see {@link branchAndBound}). Meant for one radius, as in `toHaveLowerBoundAbove`: it tells whether a margin is positive, not
 * how large it is, and gives the least positive number where it is.
 * @throws SettingsError for settings that do not exist and for another norm than ℓ∞; when it runs, UnsupportedOperatorError for operators that have no
 * relaxation.
 */
export function complete(settings: CompleteSettings): Bound {
  const { norm, ...others } = settingsOf('complete', settings, "{ norm: 'linf' }")
  refuseUnknown('complete', others)
  checkChoice('complete', 'norm', norm, ['linf'])
  return {
    name: 'complete',
    norm,
    sound: true,
    settings: { norm, domain: 'intersect', rounding: 'covered' },
    async margins({ model, inputs, labels, budget }, epsilon) {
      const ball = { norm, domain: 'intersect', rounding: 'covered', precision: 'float32' } as const
      const { lower, upper } = inputBall(inputs, epsilon, model.domain, ball)
      const size = model.domain.lower.length
      const rivals = Array.from(labels, (label) => range(model.classes).filter((other) => other !== label))
      const questions = rivals.map(
        (others, sample): Question => ({
          lower: rowOf(lower as Float32Array, size, sample),
          upper: rowOf(upper as Float32Array, size, sample),
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
      await branchAndBound(inquiry, randomSource(seed), budget)
      // Where it is decided, margins are known to be positive, and no more.
      const known = inquiry.answers.flatMap(({ open }, sample) =>
        rivals[sample].map((_, position) => (open.has(position) ? Number.NEGATIVE_INFINITY : leastPositive)),
      )
      return marginsOf(marginRows(labels, model.classes), known, labels.length, model.classes)
    },
  }
}
