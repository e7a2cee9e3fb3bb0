import { createHash } from 'node:crypto'
import type { Attack } from '../attacks/attack.js'
import type { RegressionAttack } from '../attacks/regression/regression-attack.js'
import type { Bound } from '../bounds/bound.js'
import type { ModelDescription } from '../model/model.js'
import type { Samples } from '../sampling/samples.js'
import { type LowerBoundEvidence, type SampleSet, schemaVersion } from './evidence.js'

/** What every check records about its circumstances, before anything is run. */
export function describeModelAndSamples(model: ModelDescription, samples: Samples) {
  return { ...describeModel(model), samples: describeSamples(samples) }
}

/** The same, where there are no samples. */
export function describeModel(model: ModelDescription) {
  return { schemaVersion, model } as const
}

/** An attack as evidence keeps it. */
export function describeAttack<Described extends Attack | RegressionAttack>(attack: Described) {
  const { name, kind, norm, settings, epsilon } = attack
  const copied = typeof epsilon === 'object' ? Float64Array.from(epsilon) : epsilon
  return { name, kind, norm, settings, epsilon: copied } as Pick<Described, 'name' | 'kind' | 'norm' | 'settings'> & {
    readonly epsilon: number | Float64Array | Extract<Described['epsilon'], undefined>
  }
}

/** A bound as evidence keeps it. */
export function describeBound({ name, norm, sound, settings }: Bound): LowerBoundEvidence['bound'] {
  return { name, norm, sound, settings }
}

export function describeSamples({ inputs, labels, targets }: Samples): SampleSet {
  const sha256 = createHash('sha256').update(JSON.stringify(inputs.shape)).update(inputs.data).digest('hex')
  return { count: inputs.shape[0], sha256, labels: labels || targets ? 'given' : 'predicted' }
}
