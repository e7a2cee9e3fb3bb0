import type { Room } from '../../geometry/steepest-step.js'
import { type Columns, innerProduct } from './jacobian.js'

/**
 * A perturbation of the given features that makes ‖Jη‖ large, each feature at one end of ±epsilon within its room:
 * features in the order of their columns' norms, each to the side that adds more to the sum of the columns before it.
 * `first` is the side of the first one, and of ties. Balda, Behboodi and Mathar, "Perturbation Analysis of Learning
 * Algorithms", eq. 19; there without a domain, where all sides are equally long. Afterwards every side is chosen again
 * against all others, until none changes.
 * @returns the step of each of the features, and ‖Jη‖².
 */
export function greedySigns(
  columns: Columns,
  features: readonly number[],
  epsilon: number,
  room: Room,
  first: 1 | -1,
): { readonly steps: ReadonlyMap<number, number>; readonly value: number } {
  const reach = (feature: number, side: 1 | -1) => Math.min(epsilon, (side > 0 ? room.up : room.down)[feature])
  const squares = new Map(features.map((feature) => [feature, innerProduct(columns[feature], columns[feature])]))
  const weight = (feature: number) => squares.get(feature)! * Math.max(reach(feature, 1), reach(feature, -1)) ** 2
  const order = features.toSorted((left, right) => weight(right) - weight(left))
  const steps = new Map<number, number>()
  const sum = new Float64Array(columns[0].length)
  const choose = (feature: number, mayTurn: boolean) => {
    const column = columns[feature]
    const square = squares.get(feature)!
    const current = steps.get(feature) ?? 0
    const overlap = innerProduct(column, sum) - current * square
    const gain = (step: number) => step * step * square + 2 * step * overlap
    const preferred = first * reach(feature, first)
    const other = -first * reach(feature, first > 0 ? -1 : 1)
    const step = mayTurn && gain(other) > gain(preferred) ? other : preferred
    // What rounding makes of a tie is no reason to turn round.
    if (steps.has(feature) && gain(step) <= gain(current) * (1 + 1e-9)) return false
    steps.set(feature, step)
    for (let output = 0; output < sum.length; output++) sum[output] += (step - current) * column[output]
    return step !== current
  }
  order.forEach((feature, rank) => choose(feature, rank > 0 || reach(feature, first) === 0))
  let turned = order.length
  while (turned > 0) turned = order.filter((feature) => choose(feature, true)).length
  return { steps, value: innerProduct(sum, sum) }
}
