import { afterAll, describe, expect, test } from 'vitest'
import { attack } from '../../src/attacks/run-attack.js'
import { alphaCrown } from '../../src/bounds/alpha-crown.js'
import type { Bound } from '../../src/bounds/bound.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { layerValues } from '../../src/properties/evaluate-network.js'
import { networkModel } from '../../src/properties/network.js'
import { randomSource, randomSources } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { complete } from '../../src/verification/complete.js'
import { exact } from '../../src/verification/exact.js'
import { programDistances } from '../../src/verification/program-distance.js'
import { unitDistances } from '../../src/verification/unit-distance.js'
import { seed } from '../seed.js'
import { denseModel, graphOf, squareUnits } from '../tiny-models.js'
import { distanceByMixedInteger } from './mixed-integer.mjs'
import { affineLayers, smallNetwork, wideNetwork } from './small-networks.mjs'

afterAll(() => engine.close())

describe.each(['linf', 'l2', 'l1'] as const)('%s', (norm) => {
  test('splitting units and halving boxes find the same distance', async () => {
    const random = randomSource(seed)
    for (const _ of range(norm === 'l2' ? 6 : 12)) {
      const { network, input } = smallNetwork(random)
      const model = await loadModel(networkModel(network), { domain: [-1, 1] })
      const inputs = { data: input, shape: [1, ...network.inputShape] }
      const { samples } = await bound(model, exact({ norm }), { inputs })
      const labels = Int32Array.of(samples[0].label)
      const context = {
        model,
        inputs,
        labels,
        budget: startBudget(undefined),
        epsilons: undefined,
        targets: undefined,
        random: randomSources(seed, [0]),
        otherSamples: async () => ({ inputs, classes: labels }),
        progress: () => {},
      }
      const [{ lower, upper, proved }] =
        norm === 'l2' ? await unitDistances(context) : await programDistances(context, norm)
      expect(proved).toBe(true)
      if (upper === Number.POSITIVE_INFINITY) expect(samples[0].radius).toBeGreaterThan(1)
      else {
        expect(Math.abs(upper / samples[0].radius - 1)).toBeLessThan(2e-6)
        expect(lower).toBeGreaterThan(upper * (1 - 2e-6))
      }
      await model.close()
    }
  })
})

test.each([
  ['linf', 0.5],
  ['l2', 0.5],
  ['l1', 0.5],
] as const)('%s: with a Relu right behind a LeakyRelu', async (norm, expected) => {
  // f₀ = 1, f₁ = |x₀ − x₁| + |x₀ + x₁ − 1| as two Relus each; 16 features do nothing.
  const features = 18
  const graph = graphOf([features], (builder, input) => {
    const rows = squareUnits.weights.map((row) => [...row, ...range(features - 2).map(() => 0)])
    const weights = builder.floats(rows.flat(), [4, features])
    const first = builder.add('Gemm', [input, weights, builder.floats(squareUnits.bias!)], { transB: 1 })
    const units = builder.add('Relu', [builder.add('LeakyRelu', [first])])
    const sums = builder.floats([0, 0, 0, 0, 1, 1, 1, 1], [2, 4])
    return builder.add('Gemm', [units, sums, builder.floats([1, 0])], { transB: 1 })
  })
  const model = await loadModel(encodeModel(graph), { domain: [-1, 2] })
  const inputs = { data: new Float32Array(features).fill(0.5), shape: [1, features] }
  const { samples, interrupted } = await bound(model, exact({ norm }), { inputs, labels: [0] })
  expect(samples[0].radius).toBeCloseTo(expected, 5)
  expect(interrupted).toBe(false)
  await model.close()
})

test.each(['linf', 'l1'] as const)(
  '%s: with many features the distance is that of a mixed-integer program',
  async (norm) => {
    const random = randomSource(seed)
    let reached = 0
    for (const _ of range(6)) {
      const { network, input } = wideNetwork(random)
      const model = await loadModel(networkModel(network), { domain: [-1, 1] })
      const inputs = { data: input, shape: [1, ...network.inputShape] }
      const { samples, interrupted } = await bound(model, exact({ norm }), { inputs })
      const [{ label, radius }] = samples
      const expected = await distanceByMixedInteger({
        layers: affineLayers(network, layerValues),
        input,
        label,
        domain: [-1, 1],
        norm,
      })
      expect(interrupted).toBe(false)
      if (expected < Number.POSITIVE_INFINITY) {
        expect(Math.abs(radius / expected - 1)).toBeLessThan(2e-6)
        reached++
      }
      await model.close()
    }
    expect(reached).toBeGreaterThan(2)
  },
)

test.each([
  ['linf', 1e-4, 2],
  ['l2', 1e-3, 2 * Math.sqrt(20)],
  ['l1', 1e-3, 40],
] as const)(
  '%s: complete decides several samples just below and just above their distances',
  async (norm, gap, across) => {
    const random = randomSource(seed)
    const count = 4
    let [split, proved] = [0, 0]
    for (const _ of range(12)) {
      const { network } = wideNetwork(random)
      const model = await loadModel(networkModel(network), { domain: [-1, 1] })
      const data = Float32Array.from({ length: 20 * count }, () => 2 * random.uniform() - 1)
      const inputs = { data, shape: [count, ...network.inputShape] }
      const { samples } = await bound(model, exact({ norm }), { inputs })
      const labels = samples.map(({ label }) => label)
      const robustAt = async (method: Bound, change: number) => {
        const epsilon = samples.map(({ radius }) => Math.max(radius + change, 0))
        const margins = await marginBounds(model, method, { inputs, labels, epsilon })
        return labels.map((label, sample) =>
          range(3).every((other) => other === label || margins[3 * sample + other] > 0),
        )
      }
      // Where there is no other class, the distance is that across the domain.
      const isReached = samples.map(({ radius }) => radius < across * (1 - 1e-6))
      proved += (await robustAt(complete({ norm }), -gap)).filter((robust) => robust).length
      expect(await robustAt(complete({ norm }), gap)).toEqual(isReached.map((reached) => !reached))
      split += (await robustAt(alphaCrown({ norm }), -gap)).filter((robust) => !robust).length
      await model.close()
    }
    // In a narrow corner the rounding of the model may be worth more than the difference.
    expect(proved).toBeGreaterThan(12 * count - 3)
    // What is easy says nothing.
    expect(split).toBeGreaterThan(5)
  },
)

test.each(['linf', 'l1'] as const)('%s: a spent budget leaves an interval', async (norm) => {
  const { network, input } = wideNetwork(randomSource(seed))
  const model = await loadModel(networkModel(network), { domain: [-1, 1] })
  const inputs = { data: input, shape: [1, ...network.inputShape] }
  const whole = await bound(model, exact({ norm }), { inputs })
  const none = await bound(model, exact({ norm }), { inputs, budget: 0 })
  expect([whole.interrupted, none.interrupted]).toEqual([false, true])
  expect(none.samples[0].radius).toBe(0)
  expect(whole.samples[0].radius).toBeGreaterThan(0)
  await model.close()
})

test('says that it does not know where too many units may switch nearby', async () => {
  const random = randomSource(seed)
  const numbers = (count: number) => Array.from({ length: count }, () => random.normal())
  const hidden = { weights: range(700).map(() => numbers(17)), activation: 'Relu' } as const
  const model = await loadModel(denseModel(hidden, { weights: [numbers(700), numbers(700)], bias: [1, 0] }), {
    domain: [-1, 1],
  })
  const inputs = { data: new Float32Array(17), shape: [1, 17] }
  const [{ radius }] = (await bound(model, exact({ norm: 'linf' }), { inputs })).samples
  expect(radius).toBe(0)
  const result = await attack(model, exact({ norm: 'linf' }), { inputs, seed })
  expect(result).toMatchObject({ unproved: 1, interrupted: false })
  expect(result.warnings).toEqual([expect.stringContaining('more units (Relu, …) may switch within reach')])
  const inNoTime = await attack(model, exact({ norm: 'linf' }), { inputs, seed, budget: 0 })
  expect(inNoTime).toMatchObject({ unproved: 0, interrupted: true })
  expect(inNoTime.warnings).toEqual([expect.stringContaining('The time budget ended the attack early')])
  await model.close()
})
