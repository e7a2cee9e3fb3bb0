import { largestBatch, largestLogit } from '../../model/predict-classes.js'
import { batches, range, rowOf } from '../../sampling/rows.js'
import { crossing, type Sighting } from '../../solvers/crossing.js'
import { runTogether } from '../../solvers/run-together.js'
import type { AttackContext } from '../attack.js'

/**
 * Moves adversarial candidates towards their samples, up to the decision boundary, by the margins along the segments between
 * the two: with about a third of the passes that it takes to halve them.
 * @param fooled Samples whose candidates are adversarial (of the target class, if there is one); they stay so.
 * @param adversarial Candidates of all samples, changed in place.
 * @param tolerance How much closer the boundary may be at most, as a fraction of the length of the segment.
 * @param forwardQueries Counts the forward passes of each sample.
 * @returns false when the budget ends first; the candidates are valid all the same.
 */
export async function moveToBoundary(
  context: AttackContext,
  adversarial: Float32Array,
  fooled: readonly number[],
  tolerance: number,
  forwardQueries: Int32Array,
): Promise<boolean> {
  const { model, inputs, budget } = context
  const size = model.domain.lower.length
  const ends = adversarial.slice()
  const shape = inputs.shape.slice(1)
  for (const samples of batches(fooled, largestBatch(model))) {
    const searches = samples.map(() => crossing(tolerance))
    let finished = true
    await runTogether(searches, async (fractions, askers) => {
      finished = await budget.next()
      if (!finished) return undefined
      const points = new Float32Array(askers.length * size)
      askers.forEach((asker, row) => {
        const [from, to] = [inputs.data, ends].map((data) => rowOf(data, size, samples[asker]))
        const point = rowOf(points, size, row)
        for (let feature = 0; feature < size; feature++) {
          point[feature] = from[feature] + fractions[row] * (to[feature] - from[feature])
        }
      })
      const logits = await model.predict({ data: points, shape: [askers.length, ...shape] })
      return askers.map((asker, row) => {
        const sample = samples[asker]
        forwardQueries[sample]++
        const sighting = look(context, sample, rowOf(logits, model.classes, row))
        if (sighting.above) adversarial.set(rowOf(points, size, row), sample * size)
        return sighting
      })
    })
    if (!finished) return false
  }
  return true
}

/** Whether logits are adversarial, and by how much. */
function look({ labels, targets }: AttackContext, sample: number, logits: Float32Array): Sighting {
  const label = (targets ?? labels)[sample]
  const predicted = largestLogit(logits)
  const others = range(logits.length).filter((other) => other !== label)
  const margin = logits[label] - Math.max(...others.map((other) => logits[other]))
  return targets ? { value: margin, above: predicted === label } : { value: -margin, above: predicted !== label }
}
