import type { RandomSource } from '../sampling/random.js'
import { type AttackNorm, distance, exponent } from './norm.js'

/**
 * A perturbation drawn uniformly from the ball of the given radius, for any norm but `l0`: written to `perturbation`, by
 * default a new array.
 */
export function perturbationInBall(
  norm: AttackNorm,
  radius: number,
  dimension: number,
  random: RandomSource,
  perturbation: Float64Array = new Float64Array(dimension),
): Float64Array {
  if (norm === 'linf') return draw(perturbation, () => radius * (2 * random.uniform() - 1))
  perturbationOnSphere(norm, radius, dimension, random, perturbation)
  return scale(perturbation, random.uniform() ** (1 / dimension))
}

/**
 * A random perturbation of exactly the given norm, any but `l0`: ±radius for each feature (`linf`), a direction drawn
 * uniformly (`l2`), a point drawn uniformly from the faces of the ball (`l1`), or in general independent features with
 * the density e^(−|x|^p), scaled. Written to `perturbation`, by default a new array.
 * Schechtman, Zinn, "On the volume of the intersection of two Lp balls", Proc. AMS 1990.
 */
export function perturbationOnSphere(
  norm: AttackNorm,
  radius: number,
  dimension: number,
  random: RandomSource,
  perturbation: Float64Array = new Float64Array(dimension),
): Float64Array {
  if (norm === 'linf') return draw(perturbation, () => signed(radius, random))
  draw(perturbation, feature(norm, random))
  return scale(perturbation, radius / distance(new Float64Array(dimension), perturbation, norm)[norm])
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

function draw(perturbation: Float64Array, element: () => number): Float64Array {
  for (let index = 0; index < perturbation.length; index++) perturbation[index] = element()
  return perturbation
}

function signed(size: number, random: RandomSource): number {
  return random.uniform() < 0.5 ? size : -size
}

function scale(perturbation: Float64Array, factor: number): Float64Array {
  for (let index = 0; index < perturbation.length; index++) perturbation[index] *= factor
  return perturbation
}
