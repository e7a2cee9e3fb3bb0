import { distance } from '../geometry/norm.js'
import type { Ball } from '../geometry/projection.js'

/** The inputs around a sample, in a norm in which they are no box. */
export interface RoundBall extends Ball {
  readonly norm: 'l2' | 'l1'
}

interface AnyBox {
  readonly lower: ArrayLike<number>
  readonly upper: ArrayLike<number>
}

/** coefficients · x + constant */
interface AnyFunction {
  readonly coefficients: ArrayLike<number>
  readonly constant: number
}

// Of the numbers that are summed up, what rounding in float64 may add, and more than that: for thousands of functions in a sum,
// and for each feature.
const [noise, noiseOfFeature] = [1e-12, 4 * Number.EPSILON]
// Multipliers are looked for between these parts of a likely one, halving the interval so often.
const [leastPart, mostPart, halvings] = [1e-6, 1e6, 50]

/** Whether a ball has nothing in common with a box. */
export function isApart({ center, norm, radius }: RoundBall, { lower, upper }: AnyBox): boolean {
  const nearest = center.map((value, feature) => Math.min(Math.max(value, lower[feature]), upper[feature]))
  return distance(center, nearest)[norm] > radius * (1 + noise)
}

/** Sum of the sizes of the terms of a function on a box. */
export function magnitude({ coefficients, constant }: AnyFunction, { lower, upper }: AnyBox): number {
  let sum = Math.abs(constant)
  for (let feature = 0; feature < coefficients.length; feature++) {
    sum += Math.abs(coefficients[feature]) * Math.max(Math.abs(lower[feature]), Math.abs(upper[feature]))
  }
  return sum
}

/**
 * Whether a function is positive on a box, or on what a ball has of it, in spite of rounding: `size` is the sum of the sizes of all
 * terms that were added up.
 */
export function isPositiveOn(linear: AnyFunction, size: number, box: AnyBox, ball?: RoundBall): boolean {
  const { coefficients, constant } = linear
  let least = constant
  for (let feature = 0; feature < coefficients.length; feature++) {
    const slope = coefficients[feature]
    least += slope * (slope > 0 ? box.lower : box.upper)[feature]
  }
  const doubt = (noise + noiseOfFeature * coefficients.length) * size
  if (least > doubt) return true
  return ball !== undefined && leastOnBoth(linear, ball, box) > doubt
}

/**
 * By Lagrange, for d = x − centre and any multiplier t ≥ 0: a function is at least its minimum over the box with t·‖d‖₁, or
 * t/2·‖d‖², added, less what that is at the radius. The larger t, the shorter is d; the best t makes it as long as the radius.
 */
function leastOnBoth(
  { coefficients, constant }: AnyFunction,
  { center, norm, radius }: RoundBall,
  box: AnyBox,
): number {
  let [atCentre, squares, steepest] = [constant, 0, 0]
  for (let feature = 0; feature < center.length; feature++) {
    const slope = coefficients[feature]
    atCentre += slope * center[feature]
    squares += slope ** 2
    steepest = Math.max(steepest, Math.abs(slope))
  }
  const likely = norm === 'l2' ? Math.sqrt(squares) / radius : steepest
  let [low, high] = [leastPart * likely, mostPart * likely]
  let best = Number.NEGATIVE_INFINITY
  for (let halving = 0; halving < halvings && high > low; halving++) {
    const multiplier = Math.sqrt(low * high)
    let [sum, length] = [atCentre, 0]
    for (let feature = 0; feature < center.length; feature++) {
      const slope = coefficients[feature]
      const farAway = Math.abs(slope) > multiplier ? -Math.sign(slope) * Number.POSITIVE_INFINITY : 0
      const free = norm === 'l2' ? -slope / multiplier : farAway
      const step = Math.min(Math.max(free, box.lower[feature] - center[feature]), box.upper[feature] - center[feature])
      sum += slope * step
      length += norm === 'l2' ? 0.5 * step ** 2 : Math.abs(step)
    }
    const reach = norm === 'l2' ? 0.5 * radius ** 2 : radius
    best = Math.max(best, sum + multiplier * (length - reach - noise * (length + reach)))
    if (length > reach) low = multiplier
    else high = multiplier
  }
  return best
}
