import type { RandomSource } from '../sampling/random.js'
import type { Norm } from './norm.js'

/** A perturbation drawn uniformly from the ball of the given radius. */
export function perturbationInBall(norm: Norm, radius: number, dimension: number, random: RandomSource): Float64Array {
  if (norm === 'linf') return draw(dimension, () => radius * (2 * random.uniform() - 1))
  const direction = perturbationOnSphere(norm, radius, dimension, random)
  const shrink = random.uniform() ** (1 / dimension)
  return direction.map((step) => step * shrink)
}

/**
 * A random perturbation of exactly the given norm: ±radius for each feature (`linf`), a direction drawn uniformly
 * (`l2`), or a point drawn uniformly from the faces of the ball (`l1`).
 */
export function perturbationOnSphere(
  norm: Norm,
  radius: number,
  dimension: number,
  random: RandomSource,
): Float64Array {
  switch (norm) {
    case 'linf':
      return draw(dimension, () => signed(radius, random))
    case 'l2': {
      const direction = draw(dimension, random.normal)
      return scale(direction, radius / Math.sqrt(direction.reduce((sum, step) => sum + step * step, 0)))
    }
    case 'l1': {
      const direction = draw(dimension, () => signed(-Math.log(1 - random.uniform()), random))
      return scale(direction, radius / direction.reduce((sum, step) => sum + Math.abs(step), 0))
    }
  }
}

function draw(dimension: number, element: () => number): Float64Array {
  return Float64Array.from({ length: dimension }, element)
}

function signed(size: number, random: RandomSource): number {
  return random.uniform() < 0.5 ? size : -size
}

function scale(direction: Float64Array, factor: number): Float64Array {
  return direction.map((step) => step * factor)
}
