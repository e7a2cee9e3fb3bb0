import type { AttackNorm } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import type { RandomSource } from '../../sampling/random.js'
import { rowOf } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/** Draws a perturbation of a norm up to, or of exactly, a radius. */
export type DrawPerturbation = (
  norm: AttackNorm,
  radius: number,
  dimension: number,
  random: RandomSource,
) => Float64Array

/**
 * Sets the candidate of one sample to the sample, or its entry of `from`, plus a random perturbation, inside ball and
 * domain.
 */
export function perturbAtRandom(
  { model, inputs, epsilons, random }: AttackContext,
  norm: AttackNorm,
  draw: DrawPerturbation,
  sample: number,
  adversarial: Float32Array,
  from: Float32Array = inputs.data,
): void {
  const size = model.domain.lower.length
  const [center, base, point] = [inputs.data, from, adversarial].map((data) => rowOf(data, size, sample))
  const radius = epsilons![sample]
  const perturbation = draw(norm, radius, size, random[sample])
  for (let feature = 0; feature < size; feature++) point[feature] = base[feature] + perturbation[feature]
  projectOntoBall(point, { norm, center, radius }, model.domain)
}
