import { rowOf } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'
import { stillStanding } from './still-standing.js'

/**
 * Moves adversarial candidates towards their samples, up to the decision boundary: bisection along the segment between
 * the two, all given samples in one batch. Distances end up within 2^−halvings of what the segment allows.
 * @param fooled Samples whose candidates are adversarial (of the target class, if there is one); they stay so.
 * @param adversarial Candidates of all samples, changed in place.
 * @param forwardQueries Counts the forward passes of each sample.
 * @returns false when the budget ends first; the candidates are valid all the same.
 */
export async function moveToBoundary(
  context: AttackContext,
  adversarial: Float32Array,
  fooled: readonly number[],
  halvings: number,
  forwardQueries: Int32Array,
): Promise<boolean> {
  const { model, inputs, labels, budget } = context
  const size = model.domain.lower.length
  const ends = adversarial.slice()
  const trial = inputs.data.slice()
  const near = new Float64Array(labels.length)
  const far = new Float64Array(labels.length).fill(1)
  for (let halving = 0; halving < halvings && fooled.length > 0; halving++) {
    if (!(await budget.next())) return false
    for (const sample of fooled) {
      const fraction = (near[sample] + far[sample]) / 2
      const [from, to, point] = [inputs.data, ends, trial].map((data) => rowOf(data, size, sample))
      for (let feature = 0; feature < size; feature++) {
        point[feature] = from[feature] + fraction * (to[feature] - from[feature])
      }
      forwardQueries[sample]++
    }
    const standing = new Set(await stillStanding(context, trial, fooled))
    for (const sample of fooled) {
      const fraction = (near[sample] + far[sample]) / 2
      if (standing.has(sample)) near[sample] = fraction
      else {
        far[sample] = fraction
        rowOf(adversarial, size, sample).set(rowOf(trial, size, sample))
      }
    }
  }
  return true
}
