import type { RandomSource } from '../sampling/random.js'
import { type AttackNorm, distance, exponent } from './norm.js'

/** A perturbation drawn uniformly from the ball of the given radius, for any norm but `l0`. */
export function perturbationInBall(
  norm: AttackNorm,
  radius: number,
  dimension: number,
  random: RandomSource,
): Float64Array {
  if (norm === 'linf') return draw(dimension, () => radius * (2 * random.uniform() - 1))
  const direction = perturbationOnSphere(norm, radius, dimension, random)
  const shrink = random.uniform() ** (1 / dimension)
  return direction.map((step) => step * shrink)
}

/**
 * A random perturbation of exactly the given norm, any but `l0`: ±radius for each feature (`linf`), a direction drawn
 * uniformly (`l2`), a point drawn uniformly from the faces of the ball (`l1`), or in general independent features with
 * the density e^(−|x|^p), scaled.
 * Schechtman, Zinn, "On the volume of the intersection of two Lp balls", Proc. AMS 1990.
 */
export function perturbationOnSphere(
  norm: AttackNorm,
  radius: number,
  dimension: number,
  random: RandomSource,
): Float64Array {
  if (norm === 'linf') return draw(dimension, () => signed(radius, random))
  const direction = draw(dimension, feature(norm, random))
  return scale(direction, radius / distance(new Float64Array(dimension), direction, norm)[norm])
}

/** Draws numbers with a density proportional to e^(−|x|^p). */
function feature(norm: AttackNorm, random: RandomSource): () => number {
  if (norm === 'l2') return random.normal
  if (norm === 'l1') return () => signed(-Math.log(1 - random.uniform()), random)
  // A gamma of shape 1/p is one of shape 1 + 1/p times a power of a uniform number.
  const power = 1 / exponent(norm)
  return () => signed(gamma(1 + power, random) ** power * (1 - random.uniform()), random)
}

/** Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 2000, for shapes of at least 1. */
function gamma(shape: number, random: RandomSource): number {
  const center = shape - 1 / 3
  for (;;) {
    const normal = random.normal()
    const cube = (1 + normal / Math.sqrt(9 * center)) ** 3
    if (cube <= 0) continue
    if (Math.log(1 - random.uniform()) < normal ** 2 / 2 + center * (1 - cube + Math.log(cube))) return center * cube
  }
}

function draw(dimension: number, element: () => number): Float64Array {
  const perturbation = new Float64Array(dimension)
  for (let index = 0; index < dimension; index++) perturbation[index] = element()
  return perturbation
}

function signed(size: number, random: RandomSource): number {
  return random.uniform() < 0.5 ? size : -size
}

function scale(direction: Float64Array, factor: number): Float64Array {
  return direction.map((step) => step * factor)
}
