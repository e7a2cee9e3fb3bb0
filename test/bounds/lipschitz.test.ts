import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import { float } from '../../src/graph/builder.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range, takeSamples } from '../../src/sampling/rows.js'
import { oneAtATimeCase } from '../attacks/one-at-a-time.js'
import { seed } from '../seed.js'
import { type Architecture, architectures, randomModel } from './networks.js'
import { randomInputs, sampledMargins } from './sampling.js'

afterAll(() => engine.close())

const withPools = (operator: string, attributes: object, size: number): Architecture => ({
  featureShape: [2, 6, 6],
  build(layers, input) {
    const first = layers.conv(input, 2, 4, 3, { pads: [1, 1, 1, 1] })
    const second = layers.builder.add(operator, [first], { ...attributes })
    return layers.dense(layers.flatten(second), 4 * size * size, 3)
  },
})

/** What linear relaxation has no rules for, besides everything that it has. */
const all: Record<string, Architecture> = {
  ...architectures,
  LRN: withPools('LRN', { size: 3, alpha: float(2), beta: float(0.75), bias: float(0.5) }, 6),
  'LpPool of tiles': withPools('LpPool', { kernel_shape: [2, 2], strides: [2, 2], p: 2 }, 3),
  'overlapping LpPool with exponent 1': withPools('LpPool', { kernel_shape: [3, 3], p: 1 }, 4),
  'LpPool with exponent 3': withPools('LpPool', { kernel_shape: [3, 3], strides: [2, 2], p: 3 }, 2),
  Abs: withPools('Abs', {}, 6),
}

const count = 6
const epsilons: Record<Norm, readonly number[]> = {
  linf: [0, 0.001, 0.01, 0.05, 0.2, 1],
  l2: [0, 0.01, 0.05, 0.2, 1, 2],
  l1: [0, 0.01, 0.1, 0.5, 1, 5],
}

describe.each(Object.keys(all))('%s', (name) => {
  test.each(['linf', 'l2', 'l1'] as const)('%s margins hold at every point sampled from the ball', async (norm) => {
    const random = randomSource(seed)
    const model = await randomModel(all[name], random)
    const inputs = randomInputs(model, count, random)
    const labels = range(count).map((sample) => sample % model.classes)
    const epsilon = epsilons[norm]
    const margins = await marginBounds(model, lipschitz({ norm }), { inputs, labels, epsilon })
    // Far away onnxruntime's LRN may be off by any amount.
    const near = margins.subarray(0, (name === 'LRN' ? 2 : count) * model.classes)
    expect(near.every(Number.isFinite)).toBe(true)
    const options = { norm, domain: 'ignore', points: 150 } as const
    const sampled = await sampledMargins(model, inputs, labels, epsilon, options, random)
    expect(margins.every((margin, index) => margin <= sampled[index])).toBe(true)
    // At radius 0 nothing is lost but rounding, of which the norm is small in ℓ2.
    if (norm === 'l2') {
      for (const other of range(model.classes)) expect(margins[other]).toBeGreaterThan(sampled[other] - 0.02)
    }
    await model.close()
  })

  const isLocal = name in architectures
  test.each(isLocal ? (['linf', 'l2', 'l1'] as const) : [])(
    '%s margins from local constants hold as well',
    async (norm) => {
      const random = randomSource(seed + 2)
      const model = await randomModel(all[name], random)
      const inputs = randomInputs(model, count, random)
      const labels = range(count).map((sample) => sample % model.classes)
      const epsilon = epsilons[norm]
      const request = { inputs, labels, epsilon }
      const global = await marginBounds(model, lipschitz({ norm }), request)
      for (const domain of ['intersect', 'ignore'] as const) {
        const margins = await marginBounds(model, lipschitz({ norm, scope: 'local', domain }), request)
        const sampled = await sampledMargins(model, inputs, labels, epsilon, { norm, domain, points: 150 }, random)
        expect(margins.every((margin, index) => margin <= sampled[index])).toBe(true)
        expect(margins.every((margin, index) => margin >= global[index])).toBe(true)
        // Of small balls the gradient knows more than the layers do.
        const small = (values: Float64Array) =>
          values.subarray(model.classes, 3 * model.classes).reduce((sum, v) => sum + v)
        expect(small(margins)).toBeGreaterThan(small(global))
      }
      await model.close()
    },
  )

  test('no attack finds anything inside the certified radii', async () => {
    const random = randomSource(seed + 1)
    const model = await randomModel(all[name], random)
    const inputs = randomInputs(model, 8, random)
    const found = await bound(model, lipschitz({ norm: 'l2' }), { inputs })
    const radii = Float64Array.from(found.samples, ({ radius }) => radius)
    expect(Math.max(...radii)).toBeGreaterThan(0)
    const labels = found.samples.map(({ label }) => label)
    if (name.startsWith('LpPool') || name.startsWith('overlapping LpPool')) return
    // A sample next to a boundary may have no radius.
    const epsilon = radii.map((radius) => Math.max(radius, 1e-6))
    for (const method of [pgd({ norm: 'l2', epsilon, steps: 20 }), deepFool({ norm: 'l2' })]) {
      const result = await attack(model, method, { inputs, labels, seed })
      result.samples.forEach(({ fooled, distance }, sample) => {
        if (fooled && radii[sample] > 0) expect(distance!.l2).toBeGreaterThan(radii[sample])
      })
    }
    await model.close()
  })
})

test('a model that takes one sample at a time has the same bounds', async () => {
  const { together, alone, inputs } = oneAtATimeCase()
  for (const scope of ['global', 'local'] as const) {
    const radii: number[][] = []
    for (const bytes of [together, alone]) {
      const model = await loadModel(bytes, { domain: [0, 1] })
      expect(model.description.batching).toBe(bytes === alone ? 'one at a time' : 'dynamic')
      const { samples } = await bound(model, lipschitz({ norm: 'l2', scope }), { inputs })
      radii.push(samples.map(({ radius }) => radius))
      await model.close()
    }
    radii[0].forEach((radius, sample) => {
      expect(radius).toBeGreaterThan(0)
      expect(radii[1][sample] / radius).toBeCloseTo(1, 2)
    })
  }
})

test('an exhausted budget certifies nothing, and says so', async () => {
  const model = await randomModel(architectures['Relu MLP'], randomSource(seed))
  const inputs = randomInputs(model, 4, randomSource(seed))
  for (const scope of ['global', 'local'] as const) {
    const result = await bound(model, lipschitz({ norm: 'l2', scope }), { inputs, budget: 0 })
    expect(result.interrupted).toBe(true)
    expect(result.samples.every(({ radius }) => radius === 0)).toBe(true)
  }
  await model.close()
})

test('bounds are the same for samples together and alone', async () => {
  const random = randomSource(seed)
  const model = await randomModel(architectures['residual CNN with BatchNormalization'], random)
  const inputs = randomInputs(model, 5, random)
  for (const scope of ['global', 'local'] as const) {
    const method = lipschitz({ norm: 'l2', scope })
    const together = await marginBounds(model, method, { inputs, epsilon: 0.01 })
    const single = await marginBounds(model, method, { inputs: takeSamples(inputs, [3]), epsilon: 0.01 })
    single.forEach((margin, other) => {
      expect(margin).toBeCloseTo(together[3 * model.classes + other], 4)
    })
  }
  await model.close()
})
