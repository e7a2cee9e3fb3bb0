import type { AttackNorm } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { perturbationInBall } from '../../geometry/random-perturbation.js'
import { rowOf } from '../../sampling/rows.js'
import type { RegressionAttackContext } from './regression-attack.js'

/**
 * The inputs, each moved by a random offset in the ball of radius `dither` · epsilon and clipped to the domain. At the
 * unperturbed input the squared error to the model's own output has no gradient; away from it, it has. The dithering of
 * Algorithm 1, which leaves the radius of each step open, for its first step: later ones are where there is a gradient,
 * and an offset larger than the steps made so far would turn it round.
 */
export function ditheredInputs(
  { model, inputs, epsilons, random }: RegressionAttackContext,
  norm: AttackNorm,
  dither: number,
): Float32Array {
  const size = model.domain.lower.length
  const moved = new Float32Array(inputs.data)
  epsilons.forEach((epsilon, sample) => {
    const point = rowOf(moved, size, sample)
    const offset = perturbationInBall(norm, dither * epsilon, size, random[sample])
    for (let feature = 0; feature < size; feature++) point[feature] += offset[feature]
    clipToDomain(point, model.domain)
  })
  return moved
}
