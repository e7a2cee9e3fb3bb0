import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import type { Bound } from '../../src/bounds/bound.js'
import { crown } from '../../src/bounds/crown.js'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { publishedPeck } from '../../src/bounds/published/published-bound.js'
import { bound } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

afterAll(() => engine.close())

/** Loaded once: a model keeps the Lipschitz constants of its layers, which take longest. */
const models = new Map<string, Promise<Classifier>>()

async function subject(name: string, count: number) {
  const path = join(sharedData, 'torch', `${name}.onnx`)
  models.set(name, models.get(name) ?? loadModel(path, { domain: [0, 1] }))
  const model = await models.get(name)!
  const [, ...features] = readJson('torch', `${name}.json`).x.shape
  const data = readFloats('torch', `${name}_x.bin.gz`).slice(0, count * elementCount(features))
  const labels = Int32Array.from(readFloats('torch', `${name}_y.bin.gz`)).slice(0, count)
  const request = { inputs: { data, shape: [count, ...features] }, labels }
  const radii = async (method: Bound) => {
    const { samples } = await bound(model, method, request)
    return samples.flatMap(({ eligible, radius }) => (eligible ? [radius] : []))
  }
  return { model, request, radii }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe.skipIf(!hasSharedData)('networks trained for the comparison', () => {
  // A prototype, with numpy's singular values and Fourier transforms and without rounding, had the mean 0.226.
  test('digits_mlp: mean certified ℓ2 radius of the first 50 samples', async () => {
    const { radii } = await subject('digits_mlp', 50)
    const own = mean(await radii(lipschitz({ norm: 'l2' })))
    expect(Math.abs(own / 0.226 - 1)).toBeLessThan(0.003)
  })

  // The prototype had 0.053, from the product of the constants of convolutions and max pools, which have one together here.
  test('mnist_lenet: mean certified ℓ2 radius of the first 10 samples', async () => {
    const { radii } = await subject('mnist_lenet', 10)
    const own = mean(await radii(lipschitz({ norm: 'l2' })))
    expect(own / 0.053).toBeGreaterThan(1.75)
    expect(own / 0.053).toBeLessThan(1.85)
  })

  test('digits_mlp: linear relaxation is tighter, local constants are in between', async () => {
    const { radii } = await subject('digits_mlp', 50)
    for (const [norm, gain] of [
      ['linf', 5],
      ['l2', 1],
      ['l1', 10],
    ] as const) {
      const [global, local, relaxed] = [
        mean(await radii(lipschitz({ norm }))),
        mean(await radii(lipschitz({ norm, scope: 'local' }))),
        mean(await radii(crown({ norm }))),
      ]
      expect(local).toBeGreaterThan(gain * global)
      expect(relaxed).toBeGreaterThan(local)
    }
  })

  test('mnist_lenet: the corrected bound is far above the published one, and below every attack', async () => {
    const { model, radii, request } = await subject('mnist_lenet', 10)
    const [published, corrected] = [await radii(publishedPeck()), await radii(lipschitz({ norm: 'l2' }))]
    corrected.forEach((radius, sample) => {
      expect(radius).toBeGreaterThan(800 * published[sample])
    })
    // Table 5.1 has 7.27e-8 for LeNet-5, per pixel of 0 to 255.
    const printed = (7.274294e-8 * 784) / 255
    expect(mean(corrected)).toBeGreaterThan(1e4 * printed)
    expect(mean(published)).toBeGreaterThan(printed / 10)
    expect(mean(published)).toBeLessThan(printed * 1000)

    const { samples } = await bound(model, lipschitz({ norm: 'l2' }), request)
    const reach = Float64Array.from(samples, ({ radius }) => 60 * radius)
    for (const method of [pgd({ norm: 'l2', epsilon: reach, steps: 40 }), deepFool({ norm: 'l2' })]) {
      const result = await attack(model, method, { ...request, seed })
      const fooled = result.samples.flatMap((sample, index) => (sample.fooled ? [{ ...sample, index }] : []))
      expect(fooled.length).toBeGreaterThan(4)
      for (const { distance, index } of fooled) expect(distance!.l2).toBeGreaterThan(samples[index].radius)
    }
  })

  test.each(['digits_mlp', 'mnist_lenet'])('%s: no attack library came below the certified radii', async (name) => {
    const count = 100
    const { model, request } = await subject(name, count)
    const { samples } = await bound(model, lipschitz({ norm: 'l2' }), request)
    const { best_known: best } = readJson('torch', `${name}_attacks.json`)
    const distances: (number | null)[] = best.l2.best_upper_bound
    let compared = 0
    samples.forEach(({ eligible, radius }, sample) => {
      const distance = distances[sample]
      if (!eligible || distance === null || !(distance > 0)) return
      compared++
      expect(radius).toBeLessThan(distance)
    })
    expect(compared).toBeGreaterThan(80)
  })
})
