import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Attack, AttackCandidates } from '../../src/attacks/attack.js'
import { firstSuccess } from '../../src/attacks/auto-attack/first-success.js'
import { boundaryProjection } from '../../src/attacks/minimal-distance/boundary-projection.js'
import { attack } from '../../src/attacks/run-attack.js'
import { transfer } from '../../src/attacks/without-gradients/transfer.js'
import { engine } from '../../src/engine/engine.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { randomNetwork } from './random-network.js'

let network: Awaited<ReturnType<typeof randomNetwork>>
beforeAll(async () => {
  network = await randomNetwork(randomSource(seed))
})
afterAll(() => engine.close())

/** Of a user without types. */
function returning(kind: Attack['kind'], candidates: Partial<AttackCandidates> | undefined): Attack {
  return {
    name: 'own',
    kind,
    norm: 'l2',
    ...(kind === 'fixed-epsilon' && { epsilon: 0.1 }),
    settings: {},
    run: async () => candidates as AttackCandidates,
  }
}

const counts = () => new Int32Array(network.inputs.shape[0])
const wholes: Record<string, (candidates: Partial<AttackCandidates> | undefined) => Attack> = {
  alone: (candidates) => returning('fixed-epsilon', candidates),
  firstSuccess: (candidates) => firstSuccess([returning('fixed-epsilon', candidates)]),
  transfer: (candidates) => transfer({ attack: returning('fixed-epsilon', candidates), surrogates: [network.model] }),
  boundaryProjection: (candidates) => boundaryProjection({ starts: [returning('minimal-distance', candidates)] }),
}

// What is missing would fool nobody, which looks like a robust model.
test.each(Object.keys(wholes))('%s refuses what an attack returns that is not about the samples', async (name) => {
  const { model, inputs } = network
  const run = (candidates: Partial<AttackCandidates> | undefined) =>
    attack(model, wholes[name](candidates), { inputs, seed })
  const short = { adversarial: new Float32Array(3), steps: counts(), gradientQueries: counts(), interrupted: false }
  await expect(run(short)).rejects.toThrow(/own returned 3 numbers for inputs of/)
  await expect(run(undefined)).rejects.toThrow(/own returned no numbers for inputs of/)
  const uncounted = { adversarial: inputs.data, gradientQueries: counts(), interrupted: false }
  await expect(run(uncounted)).rejects.toThrow(/own returned no steps for/)
  const strange = { ...short, adversarial: inputs.data.map(() => Number.NaN) }
  await expect(run(strange)).rejects.toThrow(/own ended at an input that is not finite/)
})
