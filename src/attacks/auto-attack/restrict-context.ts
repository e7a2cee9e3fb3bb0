import { takeSamples } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/** What an attack is given when it is to attack some of the samples only: those at the given positions. */
export function restrictContext(
  context: AttackContext,
  samples: readonly number[],
  progress: AttackContext['progress'],
): AttackContext {
  const { inputs, epsilons, labels, targets, random } = context
  return {
    ...context,
    inputs: takeSamples(inputs, samples),
    epsilons: epsilons && Float64Array.from(samples, (sample) => epsilons[sample]),
    labels: Int32Array.from(samples, (sample) => labels[sample]),
    targets: targets && Int32Array.from(samples, (sample) => targets[sample]),
    random: samples.map((sample) => random[sample]),
    progress,
  }
}
