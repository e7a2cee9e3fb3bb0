import type { Float64Box } from './float64-box.js'
import type { Hyperplane } from './hyperplane.js'
import { distance, type Norm } from './norm.js'

export interface NearestPoint {
  readonly point: Float64Array
  readonly distance: number
}

/**
 * The point of a box with normal · x ≤ offset that is nearest to `from` in the given norm, exact but for rounding;
 * undefined where there is none. `from` may lie outside the box, which `displacementToHyperplane` does not allow.
 */
export function nearestInHalfSpace(
  norm: Norm,
  from: ArrayLike<number>,
  { normal, offset }: Hyperplane,
  { lower, upper }: Float64Box,
): NearestPoint | undefined {
  const point = Float64Array.from(from, (value, feature) => Math.min(Math.max(value, lower[feature]), upper[feature]))
  let missing = -offset
  let most = 0
  const moves: Move[] = []
  point.forEach((value, feature) => {
    missing += normal[feature] * value
    // Away from `from`, or from there: nothing is gained by going back into what the box has cut off.
    const direction = normal[feature] > 0 ? -1 : 1
    const [start, end] = [value, normal[feature] > 0 ? lower[feature] : upper[feature]].map((at) =>
      Math.max(direction * (at - from[feature]), 0),
    )
    const gain = Math.abs(normal[feature])
    if (gain === 0 || start === end) return
    moves.push({ feature, direction, gain, start, end })
    most += gain * (end - start)
  })
  if (missing > most) return undefined
  if (missing > 0) {
    const lengths = norm === 'l1' ? largestGainsFirst(moves, missing) : allTogether(norm, moves, missing)
    moves.forEach(({ feature, direction }, index) => {
      const moved = from[feature] + direction * lengths[index]
      point[feature] = Math.min(Math.max(moved, lower[feature]), upper[feature])
    })
  }
  return { point, distance: distance(from, point)[norm] }
}

/** What is nearest in two half-spaces at once, and the part of the first in a sum of the two that is as far alone. */
export interface NearestInBoth extends NearestPoint {
  readonly share: number
}

// Of the distance: how closely that in two half-spaces is found. Bisection ends after as many steps at the latest.
const [closeness, mostSteps] = [1e-11, 50]
const rounding = 1e-14

/**
 * The same for two half-spaces at once. A sum of both, share · one + (1 − share) · other, holds what they have in common,
 * and for the right share it is no nearer: the share is halved in on. The point is between those on either side of it.
 * (Surrogate duality: Glover, "Surrogate constraint duality in mathematical programming", Operations Research 1975.)
 */
export function nearestInBoth(
  norm: Norm,
  from: ArrayLike<number>,
  one: Hyperplane,
  other: Hyperplane,
  box: Float64Box,
): NearestInBoth | undefined {
  const at = (share: number) => {
    const near = nearestInHalfSpace(norm, from, sum(one, other, share), box)
    return near && { ...near, share, excess: excess(one, near.point), otherExcess: excess(other, near.point) }
  }
  let [less, more] = [at(0), at(1)]
  if (!less || !more) return undefined
  if (less.excess <= 0) return less
  if (more.otherExcess <= 0) return more
  for (let step = 0; step < mostSteps; step++) {
    if (Math.abs(less.distance - more.distance) <= closeness * more.distance && step > mostSteps / 2) break
    const middle = at((less.share + more.share) / 2)
    if (!middle) return undefined
    if (middle.excess <= 0 && middle.otherExcess <= 0) return middle
    if (middle.excess > 0) less = middle
    else more = middle
  }
  // Where the excesses of both are the same, each is that of the sum: none.
  const [atLess, atMore] = [less.excess - less.otherExcess, more.otherExcess - more.excess]
  const part = atLess + atMore > 0 ? atLess / (atLess + atMore) : 0
  const point = less.point.map((value, feature) => value + part * (more.point[feature] - value))
  const farther = less.distance > more.distance ? less : more
  return { point, distance: farther.distance, share: farther.share }
}

/** The half-space of a sum of two. */
function sum(one: Hyperplane, other: Hyperplane, share: number): Hyperplane {
  return {
    normal: Float64Array.from(one.normal, (weight, feature) => share * weight + (1 - share) * other.normal[feature]),
    offset: share * one.offset + (1 - share) * other.offset,
  }
}

/** By how much a point misses a half-space, and nothing where rounding might be all of it. */
function excess({ normal, offset }: Hyperplane, point: Float64Array): number {
  let [value, size] = [-offset, Math.abs(offset)]
  point.forEach((coordinate, feature) => {
    const term = normal[feature] * coordinate
    value += term
    size += Math.abs(term)
  })
  return Math.abs(value) > rounding * size ? value : 0
}

/** A feature that may be moved, from `start` to `end` away from where it was, for a gain per unit of length. */
interface Move {
  readonly feature: number
  readonly direction: 1 | -1
  readonly gain: number
  readonly start: number
  readonly end: number
}

function largestGainsFirst(moves: readonly Move[], missing: number): number[] {
  const lengths = moves.map(({ start }) => start)
  const order = [...moves.keys()].sort((one, other) => moves[other].gain - moves[one].gain)
  let left = missing
  for (const index of order) {
    const { gain, start, end } = moves[index]
    lengths[index] = Math.min(start + left / gain, end)
    left -= gain * (end - start)
    if (left <= 0) break
  }
  return lengths
}

/** Lengths t · speed, between start and end, where all speeds are 1 (ℓ∞) or the gains (ℓ2). */
function allTogether(norm: 'linf' | 'l2', moves: readonly Move[], missing: number): number[] {
  const speedOf = ({ gain }: Move) => (norm === 'l2' ? gain : 1)
  const events = moves.flatMap((move) => {
    const speed = speedOf(move)
    return [
      { time: move.start / speed, rate: move.gain * speed },
      { time: move.end / speed, rate: -move.gain * speed },
    ]
  })
  events.sort((one, other) => one.time - other.time)
  let [time, rate, left] = [0, 0, missing]
  for (const event of events) {
    const gained = rate * (event.time - time)
    if (gained >= left) break
    left -= gained
    time = event.time
    rate += event.rate
  }
  // Behind the last event all moves are at their ends; what rounding leaves of the rate there says nothing.
  const last = time === events[events.length - 1].time ? time : time + left / rate
  return moves.map((move) => Math.min(Math.max(last * speedOf(move), move.start), move.end))
}
