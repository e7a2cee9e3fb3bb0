import type { Domain } from './domain.js'
import type { Norm } from './norm.js'

/** The points x with normal · x = offset. */
export interface Hyperplane {
  readonly normal: ArrayLike<number>
  readonly offset: number
}

/**
 * The smallest displacement, in the given norm, that takes `point` onto the hyperplane without leaving the domain: exact
 * but for rounding. Where the domain does not reach the hyperplane, the displacement that comes nearest to it.
 */
export function displacementToHyperplane(
  norm: Norm,
  point: ArrayLike<number>,
  { normal, offset }: Hyperplane,
  { lower, upper }: Domain,
): Float64Array {
  let gap = offset
  for (let feature = 0; feature < point.length; feature++) gap -= normal[feature] * point[feature]
  const side = gap < 0 ? -1 : 1
  // Every feature helps by moving one way, as far as the domain has room; per unit of length by the size of its weight.
  const weights = new Float64Array(point.length)
  const rooms = new Float64Array(point.length)
  for (let feature = 0; feature < point.length; feature++) {
    weights[feature] = Math.abs(normal[feature])
    if (weights[feature] === 0) continue
    const grows = normal[feature] > 0 === side > 0
    rooms[feature] = Math.max(grows ? upper[feature] - point[feature] : point[feature] - lower[feature], 0)
  }
  const lengths =
    norm === 'l1' ? fillLargestFirst(weights, rooms, Math.abs(gap)) : fillTogether(norm, weights, rooms, Math.abs(gap))
  for (let feature = 0; feature < point.length; feature++) lengths[feature] *= side * Math.sign(normal[feature])
  return lengths
}

/**
 * Lengths min(t · speed, room) with Σ weight · length = gap, where all speeds are 1 (ℓ∞) or the weights (ℓ2). The sum
 * grows with t, is concave and piecewise linear, so Newton's method from t = 0 climbs from piece to piece and ends.
 */
function fillTogether(norm: 'linf' | 'l2', weights: Float64Array, rooms: Float64Array, gap: number): Float64Array {
  const speeds = norm === 'l2' ? weights : new Float64Array(weights.length).fill(1)
  let time = 0
  for (;;) {
    let missing = gap
    let rate = 0
    for (let feature = 0; feature < weights.length; feature++) {
      const filled = time * speeds[feature] >= rooms[feature]
      if (filled) missing -= weights[feature] * rooms[feature]
      else rate += weights[feature] * speeds[feature]
    }
    const next = rate > 0 ? missing / rate : Number.POSITIVE_INFINITY
    // Rounding may bring a step of the last bits back.
    if (!(next > time)) break
    time = next
    if (time === Number.POSITIVE_INFINITY) break
  }
  return rooms.map((room, feature) => (room === 0 ? 0 : Math.min(time * speeds[feature], room)))
}

function fillLargestFirst(weights: Float64Array, rooms: Float64Array, gap: number): Float64Array {
  const lengths = new Float64Array(weights.length)
  const order = Uint32Array.from(weights.keys()).sort((left, right) => weights[right] - weights[left])
  let missing = gap
  for (const feature of order) {
    if (missing <= 0 || weights[feature] === 0) break
    lengths[feature] = Math.min(rooms[feature], missing / weights[feature])
    missing -= weights[feature] * rooms[feature]
  }
  return lengths
}
