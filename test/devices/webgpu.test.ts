import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { engine } from '../../src/engine/engine.js'
import * as unfooled from '../../src/index.js'
import { attackList } from '../attack-list.mjs'
import { seed } from '../seed.js'

const { attack, bound, crown, firstSamples, loadModel } = unfooled

// Sums in another order differ by so much of outputs of order 10.
const tolerance = 1e-4
const count = 20
const radii: Partial<Record<unfooled.AttackNorm, number>> = {
  linf: 0.15,
  l3: 0.2,
  l2: 0.25,
  'l1.5': 0.35,
  l1: 0.5,
  l0: 3,
}

afterAll(() => engine.close())

/** Not part of `npm test`: a software driver compiles every kernel for seconds. `npm run test:devices` fails without a driver. */
describe.each(['iris_mlp', 'digits_cnn'] as const)('%s on WebGPU and on the CPU', (name) => {
  let models: Record<'cpu' | 'webgpu', unfooled.Classifier>
  let samples: { inputs: unfooled.Inputs; labels: Int32Array }
  beforeAll(async () => {
    const { modelPath, domain, samples: all } = await loadFixture(name)
    const load = (device: 'cpu' | 'webgpu') => loadModel(modelPath, { domain, device })
    models = { cpu: await load('cpu'), webgpu: await load('webgpu') }
    samples = firstSamples(all as unfooled.Samples, count) as typeof samples
  })
  afterAll(async () => {
    for (const model of Object.values(models)) await model.close()
  })

  test('the same logits and gradients', async () => {
    expect(models.webgpu.description.device).toBe('webgpu')
    const { inputs, labels } = samples
    expectClose(await models.webgpu.predict(inputs), await models.cpu.predict(inputs))
    const gradient = (model: unfooled.Classifier) => model.inputGradient(inputs, labels, 'margin')
    expectClose(await gradient(models.webgpu), await gradient(models.cpu))
  })

  const cases = attackList(unfooled)
    // linearRegion needs ReLU, and takes minutes on a convolution.
    .filter((each) => each.name !== 'linearRegion')
    .filter((each) => name === 'iris_mlp' || ['pgd', 'deepFool', 'fmn', 'square'].includes(each.name))
    .map((each) => ({ ...each, norm: each.norms[0] }))
  test.each(cases)('$name $norm finds the same', async ({ norm, make }) => {
    const run = (model: unfooled.Classifier) =>
      attack(model, make({ norm, epsilon: radii[norm]!, quick: true, model }), { ...samples, seed })
    const [onCpu, onWebGpu] = [await run(models.cpu), await run(models.webgpu)]
    const differing = onCpu.samples.filter(({ fooled }, index) => fooled !== onWebGpu.samples[index].fooled)
    expect(differing.length).toBeLessThanOrEqual(1)
    if (onCpu.fooled > 1) expect(onWebGpu.medianDistance / onCpu.medianDistance).toBeCloseTo(1, 1)
  })

  test('bounds are refused there', async () => {
    await expect(bound(models.webgpu, crown({ norm: 'linf' }), samples)).rejects.toThrow(
      "runs on webgpu, and what bounds prove holds for the CPU only. Load it with device: 'cpu' to bound it.",
    )
  })
})

function expectClose(actual: Float32Array, expected: Float32Array): void {
  const scale = Math.max(1, ...expected.map(Math.abs))
  expect(actual.length).toBe(expected.length)
  actual.forEach((value, index) => {
    expect(Math.abs(value - expected[index])).toBeLessThanOrEqual(tolerance * scale)
  })
}
