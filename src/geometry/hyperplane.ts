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
  { lower, upper }: Readonly<Record<'lower' | 'upper', ArrayLike<number>>>,
): Float64Array {
  const size = point.length
  let gap = offset
  for (let feature = 0; feature < size; feature++) gap -= normal[feature] * point[feature]
  const side = gap < 0 ? -1 : 1
  // Every feature helps by moving one way, as far as the domain has room; per unit of length by the size of its weight.
  if (scratch.weights.length !== size) scratch = scratchOf(size)
  const { weights, rooms } = scratch
  for (let feature = 0; feature < size; feature++) {
    const weight = side * normal[feature]
    const room = weight > 0 ? upper[feature] - point[feature] : point[feature] - lower[feature]
    weights[feature] = Math.abs(weight)
    rooms[feature] = weight === 0 ? 0 : Math.max(room, 0)
  }
  const lengths =
    norm === 'l1' ? fillLargestFirst(weights, rooms, Math.abs(gap)) : fillTogether(norm, weights, rooms, Math.abs(gap))
  for (let feature = 0; feature < size; feature++) if (side * normal[feature] < 0) lengths[feature] = -lengths[feature]
  return lengths
}

// Millions of these problems are solved, one after the other: without new arrays they take half the time.
let scratch = scratchOf(0)

function scratchOf(size: number) {
  return { weights: new Float64Array(size), rooms: new Float64Array(size), open: new Uint32Array(size) }
}

/**
 * Lengths min(t · speed, room) with Σ weight · length = gap, where all speeds are 1 (ℓ∞) or the weights (ℓ2). The sum
 * grows with t, is concave and piecewise linear, so Newton's method from t = 0 climbs from piece to piece and ends.
 */
function fillTogether(norm: 'linf' | 'l2', weights: Float64Array, rooms: Float64Array, gap: number): Float64Array {
  const speeds = norm === 'l2' ? weights : new Float64Array(weights.length).fill(1)
  // What is filled stays so: the first `count` of these are left.
  const { open } = scratch
  let count = 0
  for (let feature = 0; feature < rooms.length; feature++) if (rooms[feature] > 0) open[count++] = feature
  let time = 0
  let missing = gap
  for (;;) {
    let rate = 0
    let left = 0
    for (let index = 0; index < count; index++) {
      const feature = open[index]
      if (time * speeds[feature] >= rooms[feature]) {
        missing -= weights[feature] * rooms[feature]
      } else {
        rate += weights[feature] * speeds[feature]
        open[left++] = feature
      }
    }
    count = left
    const next = rate > 0 ? missing / rate : Number.POSITIVE_INFINITY
    // Rounding may bring a step of the last bits back.
    if (!(next > time)) break
    time = next
    if (time === Number.POSITIVE_INFINITY) break
  }
  const lengths = new Float64Array(weights.length)
  for (let feature = 0; feature < lengths.length; feature++) {
    const room = rooms[feature]
    if (room > 0) lengths[feature] = Math.min(time * speeds[feature], room)
  }
  return lengths
}

/** Fills the rooms in the order of their weights. Parts the features around a pivot instead of sorting them all. */
function fillLargestFirst(weights: Float64Array, rooms: Float64Array, gap: number): Float64Array {
  const lengths = new Float64Array(weights.length)
  const order = Uint32Array.from(weights.keys())
  let missing = gap
  let [start, end] = [0, order.length]
  while (start < end && missing > 0) {
    const pivot = weights[order[(start + end) >> 1]]
    // Those with larger weights come first, those with the same next.
    let [above, below] = [start, end]
    let gain = 0
    for (let index = start; index < below; ) {
      const feature = order[index]
      if (weights[feature] > pivot) {
        gain += weights[feature] * rooms[feature]
        order[index++] = order[above]
        order[above++] = feature
      } else if (weights[feature] < pivot) {
        order[index] = order[--below]
        order[below] = feature
      } else index++
    }
    if (gain > missing) {
      end = above
      continue
    }
    for (let index = start; index < above; index++) lengths[order[index]] = rooms[order[index]]
    missing -= gain
    if (pivot === 0) break
    for (let index = above; index < below && missing > 0; index++) {
      const feature = order[index]
      lengths[feature] = Math.min(rooms[feature], missing / pivot)
      missing -= pivot * rooms[feature]
    }
    start = below
  }
  return lengths
}
