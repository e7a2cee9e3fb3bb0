import { checkCall } from '../arguments.js'
import type { AttackResult } from '../attacks/attack.js'
import { distance } from '../geometry/norm.js'
import { range, rowOf } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'

/**
 * ρ̂₁: the norm of the smallest perturbation that was found over the norm of the input, in the attack's norm, as a mean
 * over the fooled samples (Moosavi-Dezfooli et al., "DeepFool", CVPR 2016; Balda, Behboodi and Mathar, "Perturbation
 * analysis of learning algorithms", §II-B). It is an upper bound, and says little when the attack left samples standing.
 * NaN when no sample was fooled.
 * @param inputs What was attacked, in the same order.
 */
export function relativePerturbation(result: Pick<AttackResult, 'attack' | 'samples'>, inputs: Inputs): number {
  checkCall('relativePerturbation(await attack(…), samples.inputs)', [result, 'attack'], [inputs, 'data'])
  const { norm } = result.attack
  const [count] = inputs.shape
  const size = inputs.data.length / count
  const origin = new Float32Array(size)
  const fooled = range(count).filter((sample) => result.samples[sample].fooled)
  const ratios = fooled.map(
    (sample) => result.samples[sample].distance![norm] / distance(origin, rowOf(inputs.data, size, sample), norm)[norm],
  )
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
}
