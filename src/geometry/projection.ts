import type { Domain } from './domain.js'
import { roundToward } from './float32.js'
import { type AttackNorm, distance, exponent } from './norm.js'

/** All points at most `radius` away from `center`, in input units. */
export interface Ball {
  readonly norm: AttackNorm
  readonly center: Float32Array
  readonly radius: number
}

/**
 * Moves `point` into the domain, and from there to the nearest point, by Euclidean distance, of the ball (straight
 * towards the center for norms other than `linf`, `l2`, `l1` and `l0`). The center
 * must be in the domain, so the result is too. It is inside to the last bit: coordinates are rounded towards the
 * center. A point that is inside already stays as it is.
 */
export function projectOntoBall(point: Float32Array, ball: Ball, domain: Domain): void {
  const { center, radius, norm } = ball
  if (norm === 'linf') {
    clipToCube(point, ball, domain)
    return
  }
  clipToDomain(point, domain)
  if (distance(center, point, norm)[norm] <= radius) return
  const displacement = new Float64Array(point.length)
  for (let index = 0; index < point.length; index++) displacement[index] = point[index] - center[index]
  const project = norm in shrink ? shrink[norm as keyof typeof shrink] : shrinkEvenly(exponent(norm))
  project(displacement, radius)
  for (let index = 0; index < point.length; index++) {
    point[index] = roundToward(center[index] + displacement[index], center[index])
  }
}

function clipToCube(point: Float32Array, { center, radius }: Ball, { lower, upper }: Domain): void {
  for (let index = 0; index < point.length; index++) {
    const coordinate = point[index]
    const anchor = center[index]
    const step = coordinate - anchor
    // Most are inside: reading is cheaper than writing.
    if (coordinate >= lower[index] && coordinate <= upper[index] && step >= -radius && step <= radius) continue
    const clipped = Math.min(Math.max(coordinate, lower[index]), upper[index])
    point[index] = roundToward(Math.min(Math.max(clipped, anchor - radius), anchor + radius), anchor)
  }
}

/** Moves `point` to the nearest point in the domain. */
export function clipToDomain(point: Float32Array, { lower, upper }: Domain): void {
  for (let index = 0; index < point.length; index++) {
    if (point[index] < lower[index]) point[index] = lower[index]
    else if (point[index] > upper[index]) point[index] = upper[index]
  }
}

/**
 * The part of an ℓ∞ ball that is in the domain, which is a box again: `box`, or by default a new one. Its bounds are
 * rounded towards the center.
 */
export function boxWithinDomain(
  { center, radius }: Omit<Ball, 'norm'>,
  domain: Domain,
  box: Domain = { lower: new Float32Array(center.length), upper: new Float32Array(center.length) },
): Domain {
  for (let index = 0; index < center.length; index++) {
    const coordinate = center[index]
    box.lower[index] = Math.max(roundToward(coordinate - radius, coordinate), domain.lower[index])
    box.upper[index] = Math.min(roundToward(coordinate + radius, coordinate), domain.upper[index])
  }
  return box
}

// Projections onto balls around the origin. Each only pulls coordinates towards the center, which does not leave a box.
type Shrink = (displacement: Float64Array, radius: number) => void

const shrink: Record<'l2' | 'l1' | 'l0', Shrink> = {
  l2(displacement, radius) {
    // A hair less than exact, so that rounding the coordinates cannot lead out again.
    const scale = (radius * (1 - 1e-12)) / Math.sqrt(displacement.reduce((sum, step) => sum + step * step, 0))
    for (let index = 0; index < displacement.length; index++) displacement[index] *= scale
  },

  // Duchi et al., "Efficient projections onto the l1-ball", ICML 2008.
  l1(displacement, radius) {
    const sizes = Float64Array.from(displacement, Math.abs).sort().reverse()
    let sum = 0
    let threshold = 0
    sizes.forEach((size, index) => {
      sum += size
      threshold = Math.max(threshold, (sum - radius * (1 - 1e-12)) / (index + 1))
    })
    for (let index = 0; index < displacement.length; index++) {
      const step = displacement[index]
      displacement[index] = Math.sign(step) * Math.max(0, Math.abs(step) - threshold)
    }
  },
  l0(displacement, radius) {
    const order = Array.from(displacement.keys()).sort((a, b) => Math.abs(displacement[b]) - Math.abs(displacement[a]))
    for (const index of order.slice(Math.floor(radius))) displacement[index] = 0
  },
}

function shrinkEvenly(power: number): Shrink {
  return (displacement, radius) => {
    const length = distance(new Float64Array(displacement.length), displacement, `l${power}`)[`l${power}`]
    const scale = (radius * (1 - 1e-9)) / length
    for (let index = 0; index < displacement.length; index++) displacement[index] *= scale
  }
}
