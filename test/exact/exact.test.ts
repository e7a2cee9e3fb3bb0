import { afterAll, describe, expect, test } from 'vitest'
import { attack } from '../../src/attacks/run-attack.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import * as unfooled from '../../src/index.js'
import { loadModel } from '../../src/model/load-model.js'
import { layerValues, logitsOf } from '../../src/properties/evaluate-network.js'
import { networkModel } from '../../src/properties/network.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { exact } from '../../src/verification/exact.js'
import { seed } from '../seed.js'
import { denseModel, squareUnits } from '../tiny-models.js'
import { chainOf } from './chain.mjs'
import { distanceByMixedInteger } from './mixed-integer.mjs'
import { affineLayers, smallNetwork } from './small-networks.mjs'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const
const domain = [-2, 2] as const

/** f₀ = 1, f₁ = |x₀ − x₁| + |x₀ + x₁ − 1|: class 1 is outside the unit square. */
const square = denseModel(squareUnits, {
  weights: [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ],
  bias: [1, 0],
})

/** f₀ = 0, f₁ = 2 − |x₀| − |x₁ − 1|: class 1 is the diamond around (0, 1), which has its nearest corner at (0, −1). */
const diamond = denseModel(
  {
    weights: [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ],
    bias: [0, 0, -1, 1],
    activation: 'Relu',
  },
  {
    weights: [
      [0, 0, 0, 0],
      [-1, -1, -1, -1],
    ],
    bias: [0, 2],
  },
)

/** f₀ = 0, f₁ = −¼ − max(x₀ + x₁, 0): there is no class 1. */
const never = denseModel(
  { weights: [[1, 1]], bias: [0], activation: 'Relu' },
  { weights: [[0], [-1]], bias: [0, -0.25] },
)

/** f₀ = 3 x₀ + 4 x₁, f₁ = 0. */
const linear = denseModel({
  weights: [
    [3, 4],
    [0, 0],
  ],
})

/** f₀ = 0, f₁ = x₀ − 1 − max(2 x₀ − x₁ − 2, 0): class 1 is between two rays from (1, 0), upwards and along (1, 1). */
const wedge = denseModel(
  {
    weights: [
      [1, 0],
      [2, -1],
    ],
    bias: [4, -2],
    activation: 'Relu',
  },
  {
    weights: [
      [0, 0],
      [1, -1],
    ],
    bias: [0, -5],
  },
)

const known = [
  { name: 'a linear model', file: linear, at: [0.25, 0.0625], linf: 1 / 7, l2: 0.2, l1: 0.25 },
  { name: 'the middle of a square', file: square, at: [0.5, 0.5], linf: 0.5, l2: 0.5, l1: 0.5 },
  { name: 'near the side of a square', file: square, at: [0.25, 0.5], linf: 0.25, l2: 0.25, l1: 0.25 },
  { name: 'below the corner of a diamond', file: diamond, at: [0, -1.5], linf: 0.5, l2: 0.5, l1: 0.5 },
  {
    name: 'beside the corner of a diamond',
    file: diamond,
    at: [0.25, -1.5],
    linf: 0.5,
    l2: Math.hypot(0.25, 0.5),
    l1: 0.75,
  },
]

describe.each(norms)('%s', (norm) => {
  test.each(known)('knows the distance: $name', async ({ file, at, ...distances }) => {
    const model = await loadModel(file, { domain })
    const inputs = { data: Float32Array.from(at), shape: [1, 2] }
    const distance = distances[norm]
    const [{ radius }] = (await bound(model, exact({ norm }), { inputs })).samples
    expect(Math.abs(radius / distance - 1)).toBeLessThan(1e-8)
    const result = await attack(model, exact({ norm }), { inputs, seed })
    expect(result).toMatchObject({ interrupted: false, unproved: 0 })
    const found = result.samples[0].distance![norm]
    expect(found).toBeGreaterThanOrEqual(distance * (1 - 1e-7))
    expect(found).toBeLessThan(distance * (1 + 1e-5))
    const at2 = { inputs: { data: Float32Array.from([...at, ...at]), shape: [2, 2] }, labels: [0, 0] }
    const epsilon = [distance * (1 - 1e-6), distance * (1 + 1e-6)]
    const margins = await marginBounds(model, exact({ norm }), { ...at2, epsilon })
    expect(Array.from(margins, (margin) => margin > 0)).toEqual([false, true, false, false])
    await model.close()
  })

  test('the domain is in the way', async () => {
    const model = await loadModel(linear, { domain: { lower: [0.125, -2], upper: 2 } })
    const inputs = { data: Float32Array.of(0.25, 0.0625), shape: [1, 2] }
    const { samples } = await bound(model, exact({ norm }), { inputs })
    // x₀ moves by at most 1/8; what it leaves of 1 is up to x₁.
    const distance = { linf: 0.625 / 4, l2: 0.2, l1: 0.25 }[norm]
    expect(Math.abs(samples[0].radius / distance - 1)).toBeLessThan(1e-8)
    await model.close()
  })

  test('where no input has another class, the radius holds the domain and the attack finds nothing', async () => {
    const model = await loadModel(never, { domain })
    const inputs = { data: Float32Array.of(1, 1), shape: [1, 2] }
    const certified = await bound(model, exact({ norm }), { inputs })
    expect(certified.samples[0].radius).toBe({ linf: 4, l2: Math.sqrt(32), l1: 8 }[norm])
    const result = await attack(model, exact({ norm }), { inputs, seed })
    // That there is none is proved, and no sign that the attack is broken.
    expect(result).toMatchObject({ fooled: 0, interrupted: false, unproved: 0, warnings: [] })
    await model.close()
  })
})

test('finds an example next to a corner that the ray from the sample passes by', async () => {
  const model = await loadModel(wedge, { domain })
  const inputs = { data: Float32Array.of(0, 0), shape: [1, 2] }
  const [{ radius }] = (await bound(model, exact({ norm: 'l2' }), { inputs })).samples
  expect(Math.abs(radius - 1)).toBeLessThan(1e-8)
  const { samples, unproved } = await attack(model, exact({ norm: 'l2' }), { inputs, seed })
  expect(unproved).toBe(0)
  const found = samples[0].distance!.l2
  expect(found).toBeGreaterThan(1)
  expect(found).toBeLessThan(1 + 1e-5)
  await model.close()
})

test.each(['linf', 'l1'] as const)('agrees with a mixed-integer program on random networks in %s', async (norm) => {
  const random = randomSource(seed)
  let compared = 0
  while (compared < 10) {
    const { network, input } = smallNetwork(random)
    const model = await loadModel(networkModel(network), { domain: [-1, 1] })
    const inputs = { data: input, shape: [1, ...network.inputShape] }
    const [{ label, radius }] = (await bound(model, exact({ norm }), { inputs })).samples
    const layers = affineLayers(network, layerValues)
    const distance = await distanceByMixedInteger({ layers, input, label, domain: [-1, 1], norm })
    await model.close()
    if (distance === Number.POSITIVE_INFINITY) {
      expect(radius).toBe(norm === 'linf' ? 2 : 2 * input.length)
      continue
    }
    expect(Math.abs(radius / distance - 1)).toBeLessThan(1e-6)
    compared++
  }
})

test.each(norms)(
  'certified radii are at most exact, and exact is at most the distance of every attack, in %s',
  async (norm) => {
    const random = randomSource(seed)
    for (const _ of range(2)) {
      const { network, input } = smallNetwork(random)
      const data = Float32Array.from({ length: 10 * input.length }, () => 2 * random.uniform() - 1)
      const includes = (name: string) => ['deepFool', 'fmn', 'ddn', 'pgd', 'ead'].includes(name)
      const tools = { ...unfooled, networkModel, logitsOf }
      expect(await chainOf({ network, data, norm, seed, includes }, tools)).toEqual({ decided: true, breaks: [] })
    }
  },
)

test('a spent budget leaves the interval that was reached', async () => {
  const model = await loadModel(square, { domain })
  const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
  const certified = await bound(model, exact({ norm: 'l2' }), { inputs, budget: 0 })
  expect(certified).toMatchObject({ interrupted: true, samples: [{ radius: 0 }] })
  expect((await attack(model, exact({ norm: 'l2' }), { inputs, budget: 0 })).interrupted).toBe(true)
  await model.close()
})

test('is no proof', () => {
  expect(exact({ norm: 'linf' }).sound).toBe(false)
})

test('refuses other norms', () => {
  expect(() => exact({ norm: 'l3' as 'l2' })).toThrow('norm')
})

test('refuses many features and operators that cannot be split, and says what to use', async () => {
  const weights = [Array(17).fill(1), Array(17).fill(0)]
  const model = await loadModel(
    denseModel(
      { weights, activation: 'Sigmoid' },
      {
        weights: [
          [1, 0],
          [0, 1],
        ],
      },
    ),
    { domain },
  )
  const inputs = { data: new Float32Array(17).fill(1), shape: [1, 17] }
  for (const run of [
    bound(model, exact({ norm: 'linf' }), { inputs }),
    attack(model, exact({ norm: 'linf' }), { inputs }),
  ]) {
    await expect(run).rejects.toThrow(unfooled.SettingsError)
    await expect(run).rejects.toThrow(/16 features.*17 features and the operator Sigmoid.*alphaCrown/)
  }
  await model.close()
})
