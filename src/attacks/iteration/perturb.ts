import type { AttackNorm } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import type { RandomSource } from '../../sampling/random.js'
import { rowOf } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/** Draws a perturbation of a norm up to, or of exactly, a radius: writes it to the array. */
export type DrawPerturbation = (
  norm: AttackNorm,
  radius: number,
  dimension: number,
  random: RandomSource,
  perturbation: Float64Array,
) => void

/**
 * Sets the candidates of the given samples to the samples, or their entries of `from`, plus random perturbations, inside
 * ball and domain.
 */
export function perturbAtRandom(
  { model, inputs, epsilons, random }: AttackContext,
  norm: AttackNorm,
  draw: DrawPerturbation,
  samples: readonly number[],
  adversarial: Float32Array,
  from: Float32Array = inputs.data,
): void {
  const size = model.domain.lower.length
  const perturbation = new Float64Array(size)
  for (const sample of samples) {
    const [center, base, point] = [inputs.data, from, adversarial].map((data) => rowOf(data, size, sample))
    const radius = epsilons![sample]
    draw(norm, radius, size, random[sample], perturbation)
    for (let feature = 0; feature < size; feature++) point[feature] = base[feature] + perturbation[feature]
    projectOntoBall(point, { norm, center, radius }, model.domain)
  }
}
