import { rowOf } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'
import { stillStanding } from '../iteration/still-standing.js'

/**
 * Takes back changes of single features, smallest changes first, as long as the candidates stay adversarial: ever
 * smaller groups of features at a time, all given samples in one batch.
 * @param fooled Samples whose candidates are adversarial; they stay so.
 * @param adversarial Candidates of all samples, changed in place.
 * @param forwardQueries Counts the forward passes of each sample.
 * @returns false when the budget ends first; the candidates are valid all the same.
 */
export async function restoreFeatures(
  context: AttackContext,
  adversarial: Float32Array,
  fooled: readonly number[],
  forwardQueries: Int32Array,
): Promise<boolean> {
  const { model, inputs, budget } = context
  const size = model.domain.lower.length
  const searches = fooled.map((sample) => {
    const [origin, point] = [inputs.data, adversarial].map((data) => rowOf(data, size, sample))
    const changes = Float64Array.from(point, (value, feature) => Math.abs(value - origin[feature]))
    const order = Array.from(changes.keys()).filter((feature) => changes[feature] > 0)
    order.sort((left, right) => changes[left] - changes[right])
    return { sample, origin, point, order, next: 0, group: 2 ** Math.floor(Math.log2(order.length)) }
  })
  for (;;) {
    const open = searches.filter(({ order, next }) => next < order.length)
    if (open.length === 0) return true
    if (!(await budget.next())) return false
    const trial = adversarial.slice()
    for (const { sample, origin, order, next, group } of open) {
      const point = rowOf(trial, size, sample)
      for (const feature of order.slice(next, next + group)) point[feature] = origin[feature]
    }
    const standing = new Set(
      await stillStanding(
        context,
        trial,
        open.map(({ sample }) => sample),
        forwardQueries,
      ),
    )
    for (const search of open) {
      const { sample, point } = search
      if (!standing.has(sample)) {
        point.set(rowOf(trial, size, sample))
        search.next += search.group
      } else if (search.group > 1) search.group /= 2
      // This feature is needed.
      else search.next++
    }
  }
}
