import type { Domain } from './domain.js'
import { type AttackNorm, exponent } from './norm.js'

/** How far each feature of a point can move without leaving the domain; nothing in it is negative. */
export interface Room {
  readonly down: Float64Array
  readonly up: Float64Array
}

export function roomWithin(point: ArrayLike<number>, { lower, upper }: Domain): Room {
  return {
    down: Float64Array.from(lower, (bound, feature) => Math.max(point[feature] - bound, 0)),
    up: Float64Array.from(upper, (bound, feature) => Math.max(bound - point[feature], 0)),
  }
}

/**
 * The step η that maximises gradientᵀη over ‖η‖ ≤ radius within the room that the domain leaves; p ≥ 1. Where the domain
 * does not bind this is the closed form of the gradient-based norm-constrained method (Balda, Behboodi and Mathar,
 * "Perturbation Analysis of Learning Algorithms", eq. 5 and 6); what the domain cuts off goes to the other features.
 */
export function steepestStep(gradient: ArrayLike<number>, norm: AttackNorm, radius: number, room: Room): Float64Array {
  const open = Float64Array.from(gradient, (slope, feature) =>
    slope > 0 ? room.up[feature] : slope < 0 ? room.down[feature] : 0,
  )
  const sizes = stepSizes(Float64Array.from(gradient, Math.abs), open, exponent(norm), radius)
  return sizes.map((size, feature) => Math.sign(gradient[feature]) * size)
}

function stepSizes(slopes: Float64Array, open: Float64Array, power: number, radius: number): Float64Array {
  if (power === Number.POSITIVE_INFINITY) return open.map((limit) => Math.min(limit, radius))
  if (power === 1) return steepestFirst(slopes, open, radius)
  return waterFilling(slopes, open, power, radius)
}

/** In ℓ1 all of the step belongs to the steepest feature, what does not fit there to the next. */
function steepestFirst(slopes: Float64Array, open: Float64Array, radius: number): Float64Array {
  const sizes = new Float64Array(slopes.length)
  const order = Array.from(slopes.keys()).sort((left, right) => slopes[right] - slopes[left])
  let left = radius
  for (const feature of order) {
    sizes[feature] = Math.min(open[feature], left)
    left -= sizes[feature]
    if (left <= 0) break
  }
  return sizes
}

/**
 * Sizes min(open, λ · slope^(1/(p−1))) with the λ that makes them of norm `radius`. Features that hit their limit leave
 * more for the others, so λ only grows until no more of them do.
 */
function waterFilling(slopes: Float64Array, open: Float64Array, power: number, radius: number): Float64Array {
  const sizes = new Float64Array(slopes.length)
  let free = Array.from(slopes.keys()).filter((feature) => open[feature] > 0 && slopes[feature] > 0)
  // Relative to the radius, and weights to the steepest slope, so that powers neither overflow nor vanish.
  let left = 1
  while (free.length > 0 && left > 0) {
    const steepest = free.reduce((most, feature) => Math.max(most, slopes[feature]), 0)
    const weights = free.map((feature) => (slopes[feature] / steepest) ** (1 / (power - 1)))
    const level = (left / weights.reduce((sum, weight) => sum + weight ** power, 0)) ** (1 / power)
    const overfull = (feature: number, index: number) => level * weights[index] * radius > open[feature]
    free.forEach((feature, index) => {
      sizes[feature] = Math.min(level * weights[index] * radius, open[feature])
    })
    const full = free.filter(overfull)
    if (full.length === 0) break
    for (const feature of full) left -= (open[feature] / radius) ** power
    free = free.filter((feature, index) => !overfull(feature, index))
  }
  return sizes
}
