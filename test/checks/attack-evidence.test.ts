import { expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import type { Attack } from '../../src/attacks/attack.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { attackEvidence } from '../../src/checks/attack-evidence.js'
import { loadModel } from '../../src/model/load-model.js'
import { firstSamples } from '../../src/sampling/samples.js'
import { seed } from '../seed.js'

async function attacked(name: 'digits_cnn' | 'iris_mlp') {
  const { modelPath, samples, domain } = await loadFixture(name)
  const model = await loadModel(modelPath, { domain })
  const limits = { maxFoolingRatio: 0, confidence: undefined, seed, budget: undefined }
  const { finding } = await attackEvidence(model, deepFool({ norm: 'l2' }), firstSamples(samples, 40), limits)
  await model.close()
  return finding!
}

test('has pictures of the closest fooled samples of different classes', async () => {
  const { perSample, pictures } = await attacked('digits_cnn')
  const { labels, distances } = perSample
  const shown = pictures!.map(({ sample }) => sample)
  expect(shown).toHaveLength(4)
  expect(new Set(shown.map((sample) => labels[sample])).size).toBe(4)
  for (const sample of shown) {
    const others = distances.filter((distance, other) => labels[other] === labels[sample] && distance >= 0)
    expect(distances[sample]).toBe(Math.min(...others))
  }
  expect(shown.map((sample) => distances[sample])).toEqual(
    shown.map((sample) => distances[sample]).toSorted((a, b) => a - b),
  )
})

test('has none where samples are no images', async () => {
  const { fooled, pictures } = await attacked('iris_mlp')
  expect(fooled).toBeGreaterThan(0)
  expect(pictures).toBeUndefined()
})

test.each([
  [0, 'inconclusive'],
  [1, 'fooled'],
])('of an attack that proves what is closest and could not, with %d samples fooled: %s', async (fooled, verdict) => {
  const { modelPath, samples, domain } = await loadFixture('iris_mlp')
  const model = await loadModel(modelPath, { domain })
  const one = firstSamples(samples, 1)
  const prover: Attack = {
    ...deepFool({ norm: 'l2' }),
    async run(context) {
      const candidates = await deepFool({ norm: 'l2' }).run(context)
      const adversarial = fooled === 0 ? context.inputs.data : candidates.adversarial
      return { ...candidates, adversarial, unproved: ['it is too wide'] }
    },
  }
  const limits = { maxFoolingRatio: 0, confidence: undefined, seed, budget: undefined }
  const evidence = await attackEvidence(model, prover, one, limits)
  expect(evidence).toMatchObject({ verdict, interrupted: false, finding: { unproved: 1, fooled } })
  expect(evidence.warnings).toContainEqual(expect.stringContaining('it is too wide'))
  if (fooled === 0) expect(evidence.reason).toContain('could not for 1 of 1 sample, with 0 fooled')
  await model.close()
})
