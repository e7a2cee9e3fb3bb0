import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { UnfooledError } from '../../src/errors.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { mutations } from './mutate-model.js'

const copies = 2000
const fixtures = ['iris_mlp', 'digits_mlp', 'digits_cnn', 'digits_resnet'] as const

afterAll(() => engine.close())

/** What a person would do with the file: load it, attack it. Anything but a result or a typed error is a defect. */
async function tryModel(
  bytes: Uint8Array,
  { domain, samples }: Awaited<ReturnType<typeof loadFixture>>,
): Promise<string> {
  try {
    const model = await loadModel(bytes, { domain })
    try {
      const { data, shape } = samples.inputs
      const size = data.length / shape[0]
      const inputs = { data: data.slice(0, 4 * size), shape: [4, ...shape.slice(1)] }
      const result = await attack(model, fgsm({ epsilon: 0.01 }), {
        inputs,
        labels: samples.labels.slice(0, 4),
        seed: 0,
      })
      // Nothing that passes may rest on numbers that are none.
      expect(result.samples.every(({ prediction }) => Number.isInteger(prediction))).toBe(true)
      return 'runs'
    } finally {
      await model.close()
    }
  } catch (error) {
    expect(error).toBeInstanceOf(UnfooledError)
    expect((error as UnfooledError).message.length).toBeGreaterThan(20)
    return (error as UnfooledError).code
  }
}

describe.each(fixtures)('mutated copies of %s', (name) => {
  test.each(Object.entries(mutations))('a file that %s', async (_, mutate) => {
    const fixture = await loadFixture(name)
    const original = readFileSync(fixture.modelPath)
    expect(await tryModel(original, fixture)).toBe('runs')
    const random = randomSource(seed)
    const perCase = Math.ceil(copies / fixtures.length / Object.keys(mutations).length)
    for (let copy = 0; copy < perCase; copy++) await tryModel(mutate(original, random), fixture)
  })
})
