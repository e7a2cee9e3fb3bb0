import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { alphaCrown } from '../../src/bounds/alpha-crown.js'
import type { Bound } from '../../src/bounds/bound.js'
import { crown } from '../../src/bounds/crown.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { predictClasses } from '../../src/model/predict-classes.js'
import { validLowerBounds } from '../../src/properties/valid-lower-bounds.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { denseModel, graphOf, type Layer } from '../tiny-models.js'
import { architectures, randomModel } from './networks.js'
import { randomInputs, sampledMargins } from './sampling.js'

afterAll(() => engine.close())

const load = (...layers: readonly Layer[]) => loadModel(denseModel(...layers), { domain: [-10, 10] })
const at = (...values: number[]) => ({ data: Float32Array.from(values), shape: [1, values.length] })

test('relu(x) − 0.3x + relu(y) − 0.6y: slopes of 0.3 and 0.6 give the exact minimum 0, those of CROWN −1.1', async () => {
  // On [−1, 1.01] a slope s of a line below gives at least −|s − 0.3| or −|s − 0.6|; CROWN takes 1 for both.
  const model = await loadModel(
    encodeModel(
      graphOf([2], (builder, input) => {
        const both = builder.add('Concat', [builder.add('Relu', [input]), input], { axis: 1 })
        return builder.add('Gemm', [both, builder.floats([1, 1, -0.3, -0.6, 0, 0, 0, 0], [2, 4])], { transB: 1 })
      }),
    ),
    { domain: [-1, 1.01] },
  )
  const margin = async (method: Bound) =>
    (await marginBounds(model, method, { inputs: at(0, 0), labels: [0], epsilon: 2 }))[1]
  expect(await margin(crown({ norm: 'linf' }))).toBeCloseTo(-1.1, 4)
  const [few, many] = [
    await margin(alphaCrown({ norm: 'linf' })),
    await margin(alphaCrown({ norm: 'linf', iterations: 300, cuts: 0 })),
  ]
  expect(few).toBeGreaterThan(-0.2)
  expect(many).toBeGreaterThan(-0.02)
  expect(Math.max(few, many)).toBeLessThanOrEqual(0)
})

test('padding is zeros, whatever a Relu would make of what is beyond the border', async () => {
  // The corner z of the second convolution adds up 25 numbers less 12: z − relu(z) + 1 is 1 at 0.5 and −1 at 0.4.
  const ones = (builder: GraphBuilder) => builder.floats(new Float32Array(9).fill(1), [1, 1, 3, 3])
  const model = await loadModel(
    encodeModel(
      graphOf([1, 8, 8], (builder, input) => {
        const first = builder.add('Relu', [builder.add('Conv', [input, ones(builder)], { pads: [1, 1, 1, 1] })])
        const second = builder.add('Conv', [first, ones(builder), builder.floats([-12])], { pads: [1, 1, 1, 1] })
        const both = [second, builder.add('Relu', [second])].map((value) => builder.add('Flatten', [value]))
        const weights = new Float32Array(256)
        weights[0] = 1
        weights[64] = -1
        const all = builder.add('Concat', both, { axis: 1 })
        return builder.add('Gemm', [all, builder.floats(weights, [2, 128]), builder.floats([1, 0])], { transB: 1 })
      }),
    ),
    { domain: [0, 1] },
  )
  const inputs = { data: new Float32Array(64).fill(0.5), shape: [1, 1, 8, 8] }
  for (const norm of ['linf', 'l2', 'l1'] as const) {
    const epsilon = { linf: 0.1, l2: 0.8, l1: 6.4 }[norm]
    const margins = await marginBounds(model, alphaCrown({ norm }), { inputs, labels: [0], epsilon })
    expect(margins[1]).toBeLessThanOrEqual(-1)
  }
  await model.close()
})

test('slopes of intermediate layers: |x| + 0.1 is known to be positive, so that a Relu after it does nothing', async () => {
  // CROWN takes the slopes 1 and 0 on [−1, 1.5], which leaves x + 0.1 ≥ −0.9.
  const model = await load(
    { weights: [[1], [-1]], activation: 'Relu' },
    { weights: [[1, 1]], bias: [0.1], activation: 'Relu' },
    { weights: [[1], [0]] },
  )
  const margin = async (method: Bound) =>
    (await marginBounds(model, method, { inputs: at(0.25), labels: [0], epsilon: 1.25 }))[1]
  expect(await margin(crown({ norm: 'linf' }))).toBeLessThan(0.001)
  const optimised = await margin(alphaCrown({ norm: 'linf', iterations: 200 }))
  expect(optimised).toBeGreaterThan(0.07)
  expect(optimised).toBeLessThanOrEqual(0.1)
})

const count = 4
const epsilons = { linf: [0.01, 0.05, 0.1, 0.3], l2: [0.05, 0.2, 0.5, 1], l1: [0.1, 0.3, 1, 2] } as const

describe.each(Object.keys(architectures))('%s', (name) => {
  test('margins hold at every point sampled from the ball, and are no smaller than those of crown', async () => {
    const random = randomSource(seed)
    const model = await randomModel(architectures[name], random)
    const inputs = randomInputs(model, count, random)
    const labels = await predictClasses(model, inputs)
    for (const [norm, domain] of [
      ['linf', 'intersect'],
      ['l2', 'intersect'],
      ['l1', 'ignore'],
    ] as const) {
      const epsilon = epsilons[norm]
      const margins = await marginBounds(model, alphaCrown({ norm, domain, iterations: 2, cuts: 1 }), {
        inputs,
        labels,
        epsilon,
      })
      const before = await marginBounds(model, crown({ norm, domain }), { inputs, labels, epsilon })
      const sampled = await sampledMargins(model, inputs, labels, epsilon, { norm, domain, points: 300 }, random)
      margins.forEach((margin, index) => {
        expect(margin).toBeLessThanOrEqual(sampled[index])
        expect(margin).toBeGreaterThanOrEqual(before[index])
      })
    }
    await model.close()
  })
})

test.each(['linf', 'l2', 'l1'] as const)('%s: no attack finds anything within certified radii', async (norm) => {
  await fc.assert(validLowerBounds(alphaCrown({ norm, iterations: 2 })), { numRuns: 10, seed })
})

test.each([
  ['crown', 'l2', Math.SQRT1_2, 2 - Math.SQRT2, 0.98],
  ['crown', 'l1', 1, 2 / 3, 0.78],
  ['alphaCrown', 'l2', Math.SQRT1_2, 2 - Math.SQRT2, 0.98],
  ['alphaCrown', 'l1', 1, 2 / 3, 0.78],
] as const)(
  'cuts of %s, %s: where the margin may be negative, the Relus are nearly stable',
  async (name, norm, exact, plain, part) => {
    // 1 − relu(x) − relu(y) at (0, 0): its distance from zero is that of x + y = 1. With chords it is at least
    // 1 − ε − (x + y)/2, which certifies less; but where that is negative, x + y is large.
    const model = await loadModel(
      denseModel(
        {
          weights: [
            [1, 0],
            [0, 1],
          ],
          activation: 'Relu',
        },
        {
          weights: [
            [-1, -1],
            [0, 0],
          ],
          bias: [1, 0],
        },
      ),
      { domain: [-10, 10] },
    )
    const method = { crown, alphaCrown }[name]
    const radius = async (cuts: number) =>
      (await bound(model, method({ norm, cuts }), { inputs: at(0, 0) })).samples[0].radius
    expect(await radius(0)).toBeGreaterThan(0.98 * plain)
    expect(await radius(0)).toBeLessThanOrEqual(plain)
    expect(await radius(3)).toBeGreaterThan(part * exact)
    expect(await radius(3)).toBeLessThanOrEqual(exact)
  },
)

test('a cut of the first layer certifies more than none and less than one of all layers', async () => {
  // 1 − 2·relu(2·relu(2x + y) − relu(2x − y)) falls at most as 1 − 2·(2x + 3y) does: to 0 where both are 0.1.
  const model = await load(
    {
      weights: [
        [2, 1],
        [2, -1],
      ],
      activation: 'Relu',
    },
    { weights: [[2, -1]], activation: 'Relu' },
    { weights: [[-2], [0]], bias: [1, 0] },
  )
  const radius = async (cuts: number | 'first layer') =>
    (await bound(model, crown({ norm: 'linf', cuts }), { inputs: at(0, 0) })).samples[0].radius
  const [none, first, all] = [await radius(0), await radius('first layer'), await radius(1)]
  expect(first).toBeGreaterThan(1.04 * none)
  expect(all).toBeGreaterThan(1.04 * first)
  expect(all).toBeLessThanOrEqual(0.1)
})

test('settings are checked and recorded', () => {
  expect(() => alphaCrown({ norm: 'linf', iterations: 0 })).toThrow(SettingsError)
  expect(() => alphaCrown({ norm: 'linf', cuts: -1 })).toThrow(SettingsError)
  expect(() => crown({ norm: 'linf', cuts: 0.5 })).toThrow(
    "crown: cuts must be a whole number of at least 0 or 'first layer'; it is 0.5.",
  )
  expect(() => crown({ norm: 'linf', cuts: 'last layer' as 'first layer' })).toThrow(/it is last layer/)
  expect(() => alphaCrown({ norm: 'l0' as 'l1' })).toThrow(SettingsError)
  const { name, sound, settings } = alphaCrown({ norm: 'l2' })
  expect({ name, sound, ...settings }).toEqual({
    name: 'alphaCrown',
    sound: true,
    norm: 'l2',
    domain: 'intersect',
    rounding: 'covered',
    precision: 'float32',
    iterations: 10,
    cuts: 2,
  })
})

test('a budget that ends leaves −∞', async () => {
  const model = await load(
    { weights: [[1], [-1]], activation: 'Relu' },
    {
      weights: [
        [1, 1],
        [0, 0],
      ],
    },
  )
  const request = { inputs: at(0.5), labels: [0], epsilon: 1, budget: { signal: AbortSignal.abort() } }
  const margins = await marginBounds(model, alphaCrown({ norm: 'linf' }), request)
  expect([...margins]).toEqual([0, Number.NEGATIVE_INFINITY])
})
