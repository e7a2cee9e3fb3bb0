import { afterAll, describe, expect, test } from 'vitest'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { linearExact } from '../../src/bounds/linear-exact.js'
import { Refinement } from '../../src/bounds/refinement.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import { float } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { nonlinearInputs } from '../../src/passes/bounded-values.js'
import { denseModel, graphOf, type Layer, operatorModel } from '../tiny-models.js'

afterAll(() => engine.close())

const load = (...layers: readonly Layer[]) => loadModel(denseModel(...layers), { domain: [-10, 10] })
const logistic = (x: number) => 1 / (1 + Math.exp(-x))
const at = (...values: number[]) => ({ data: Float32Array.from(values), shape: [1, values.length] })

describe('a linear classifier with margin 3 and weights (1, 2) between the classes', () => {
  const layer = {
    weights: [
      [1, 2],
      [0, 0],
    ],
  }
  const distances = { linf: 1, l2: 3 / Math.sqrt(5), l1: 1.5 } as const

  test.each(['linf', 'l2', 'l1'] as const)(
    '%s: linearExact gives the distance, crown certifies up to it',
    async (norm) => {
      const model = await load(layer)
      const distance = distances[norm]
      const exact = await bound(model, linearExact({ norm }), { inputs: at(1, 1) })
      expect(exact.samples[0].radius).toBeLessThan(distance)
      expect(exact.samples[0].radius).toBeGreaterThan(distance * (1 - 1e-3))
      const margin = async (epsilon: number) =>
        (await marginBounds(model, crown({ norm }), { inputs: at(1, 1), epsilon }))[1]
      expect(await margin(0.999 * distance)).toBeGreaterThan(0)
      expect(await margin(1.001 * distance)).toBeLessThan(0)
      const searched = await bound(model, crown({ norm }), { inputs: at(1, 1) })
      expect(searched.samples[0].radius).toBeLessThan(distance)
      expect(searched.samples[0].radius).toBeGreaterThan(0.99 * distance)
    },
  )
})

test('features measured in multiples of what ε = 1 is for each: a margin of 3 over weights (1, 2) times (3, 0.75)', async () => {
  const reach = [3, 0.75]
  const model = await loadModel(
    denseModel({
      weights: [
        [1, 2],
        [0, 0],
      ],
    }),
    { domain: [-10, 10], preprocessing: { std: reach.map((size) => 1 / size) } },
  )
  const inputs = at(1 / reach[0], 1 / reach[1])
  const distances = { linf: 3 / 4.5, l2: 3 / Math.hypot(3, 1.5), l1: 1 }
  for (const norm of ['linf', 'l2', 'l1'] as const) {
    const [{ radius }] = (await bound(model, crown({ norm }), { inputs })).samples
    expect(radius).toBeLessThan(distances[norm])
    expect(radius).toBeGreaterThan(0.99 * distances[norm])
    const method = pgd({ norm, epsilon: 1.01 * distances[norm], randomStart: false })
    const { samples } = await attack(model, method, { inputs, labels: [0] })
    expect(samples[0].fooled).toBe(true)
  }
})

test('ℓ2 in the corner of the domain: what can only go up takes no part of the ball', async () => {
  const corner = denseModel({
    weights: [
      [1, 2],
      [0, 0],
    ],
  })
  const model = await loadModel(corner, { domain: [0, 1] })
  const [, margin] = await marginBounds(model, crown({ norm: 'l2' }), { inputs: at(0, 1), epsilon: 0.5 })
  expect(margin).toBeLessThan(1)
  expect(margin).toBeGreaterThan(1 - 1e-4)
})

test.each(['linf', 'l2'] as const)('%s: units that are on cancel in the bounds of the next layer', async (norm) => {
  // (x + 5) − (x + 5) + 1, which intervals put into 1 ± 2ε.
  const model = await load(
    { weights: [[1], [1]], bias: [5, 5], activation: 'Relu' },
    { weights: [[1, -1]], bias: [1], activation: 'Relu' },
    { weights: [[1], [0]] },
  )
  const settings = { norm, domain: 'intersect', rounding: 'covered', precision: 'float32' } as const
  const refinement = Refinement.around(model, at(1), [0.25], settings, startBudget(undefined))
  await refinement.refine()
  const [, next] = nonlinearInputs(model.graph)
  const { lower, upper } = refinement.bounds.get(next)!
  expect(lower[0]).toBeLessThan(1)
  expect(lower[0]).toBeGreaterThan(1 - 1e-3)
  expect(upper[0]).toBeGreaterThan(1)
  expect(upper[0]).toBeLessThan(1 + 1e-3)
})

test('a stable Relu is exact: f = (relu(x), 0.5) at 1 is certified below 0.5 and not above', async () => {
  const model = await load({ weights: [[1]], activation: 'Relu' }, { weights: [[1], [0]], bias: [0, 0.5] })
  for (const make of [crown, intervalPropagation]) {
    const margin = async (epsilon: number) =>
      (await marginBounds(model, make({ norm: 'linf' }), { inputs: at(1), epsilon }))[1]
    expect(await margin(0.499)).toBeGreaterThan(0)
    expect(await margin(0.501)).toBeLessThan(0)
  }
})

test('|x| from two unstable Relus: the lower line keeps the larger side, the chords are exact at the ends', async () => {
  // On [-0.5, 1.5] relu(x) ≥ x and relu(−x) ≥ 0, so |x| + 1 ≥ 0.5; relu(x) + relu(−x) ≤ 0.5·x + 0.75 ≤ 1.5.
  const model = await load(
    { weights: [[1], [-1]], activation: 'Relu' },
    {
      weights: [
        [1, 1],
        [0, 0],
      ],
      bias: [0, -1],
    },
  )
  const margins = (label: number) =>
    marginBounds(model, crown({ norm: 'linf' }), { inputs: at(0.5), labels: [label], epsilon: 1 })
  expect((await margins(0))[1]).toBeCloseTo(0.5, 4)
  expect((await margins(1))[0]).toBeCloseTo(-2.5, 4)
})

test.each([
  // Σ e^x = e^x + 1 is at most cosh 1 + 1 + x·sinh 1 on [-1, 1], and the logarithm of that at most its tangent at 0.
  ['LogSoftmax', 0, -Math.log(Math.cosh(1) + 1) - (1 - Math.sinh(1) / (Math.cosh(1) + 1))],
  // log σ(x) ≤ x/2 − log 2, the tangent at 0.
  ['LogSoftmax', 1, 0.5 - Math.LN2],
  // The tangent of the exponential at the value 1/(cosh 1 + 1) that the lower plane has at 0.
  ['Softmax', 0, (1 / (Math.cosh(1) + 1)) * (1 - (1 - Math.sinh(1) / (Math.cosh(1) + 1)))],
  // The chord of the exponential from log σ(−1) to log σ(1) = 1 + log σ(−1).
  ['Softmax', 1, logistic(-1) + (logistic(1) - logistic(-1)) * (0.5 - Math.LN2 - Math.log(logistic(-1)))],
] as const)('%s of (x, 0) from the side of class %d: its plane is %d at the end', async (operator, label, end) => {
  // Class 0 is ahead by the first output and 3.
  const model = await loadModel(
    encodeModel(
      graphOf([1], (builder, input) => {
        const pair = builder.add('Pad', [input, builder.ints([0, 0, 0, 1])])
        const shares = builder.add(operator, [pair], { axis: 1 })
        return builder.add('Gemm', [shares, builder.floats([1, 0, 0, 0], [2, 2]), builder.floats([3, 0], [2])])
      }),
    ),
    { domain: [-1, 1] },
  )
  const margins = await marginBounds(model, crown({ norm: 'linf' }), { inputs: at(0), labels: [label], epsilon: 1 })
  expect(margins[1 - label]).toBeCloseTo(label === 0 ? 3 + end : -3 - end, 3)
  await model.close()
})

test('MaxPool: the plane above is exact at both ends of the element with the largest upper bound', async () => {
  // z₁ in [0, 2], z₂ in [1, 3]: max ≤ 2 + (z₂ − 1)/2, so z₂ − max ≥ −1.5 + z₂/2 ≥ −1, which z = (2, 1) attains.
  const model = await loadModel(
    encodeModel(
      graphOf([1, 2], (builder, input) => {
        const pooled = builder.add('MaxPool', [input], { kernel_shape: [2] })
        const flat = builder.add('Flatten', [builder.add('Concat', [input, pooled], { axis: 2 })])
        return builder.add('Gemm', [flat, builder.floats([0, 1, 0, 0, 0, 1], [2, 3])], { transB: 1 })
      }),
    ),
    { domain: { lower: [0, 1], upper: [2, 3] } },
  )
  const inputs = { data: Float32Array.of(1, 2), shape: [1, 1, 2] }
  const margins = await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels: [0], epsilon: 5 })
  expect(margins[1]).toBeCloseTo(-1, 4)
})

test.each([
  ['Relu', 0],
  ['LeakyRelu', 0.125],
] as const)('MaxPool of %s: every row takes the line below that suits it', async (operator, alpha) => {
  // x in [-1, 1.5] is the maximum m. m ≥ alpha·x gives m ≥ −alpha, and m ≥ x gives m − x ≥ 0: each where the other fails.
  const model = await loadModel(
    encodeModel(
      graphOf([1, 2], (builder, input) => {
        const activated = builder.add(operator, [input], operator === 'LeakyRelu' ? { alpha: float(alpha) } : undefined)
        const pooled = builder.add('MaxPool', [activated], { kernel_shape: [2] })
        const flat = builder.add('Flatten', [builder.add('Concat', [input, pooled], { axis: 2 })])
        const weights = builder.floats([0, 0, 1, 0, 0, 0, 1, 0, 0], [3, 3])
        return builder.add('Gemm', [flat, weights, builder.floats([0, -2, -2])], { transB: 1 })
      }),
    ),
    { domain: [-10, 10] },
  )
  const inputs = { data: Float32Array.of(0.25, -5), shape: [1, 1, 2] }
  const margins = await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels: [0], epsilon: 1.25 })
  expect(margins[1]).toBeCloseTo(2 - alpha, 4)
  expect(margins[2]).toBeCloseTo(2, 4)
})

test('the domain cuts the ball: at the upper end of the box only one coordinate of (1, 1) can grow', async () => {
  const layer = {
    weights: [
      [-1, -1],
      [0, 0],
    ],
    bias: [10, 0],
  } // prettier-ignore
  const model = await loadModel(denseModel(layer), { domain: [0, 1] })
  const margin = async (domain: 'intersect' | 'ignore', norm: 'linf' | 'l2' | 'l1', epsilon: number) =>
    (await marginBounds(model, crown({ norm, domain }), { inputs: at(1, 0), epsilon }))[1]
  expect(await margin('ignore', 'l2', 0.5)).toBeCloseTo(9 - 0.5 * Math.SQRT2, 4)
  expect(await margin('intersect', 'l2', 0.5)).toBeGreaterThan(8.48)
  expect(await margin('intersect', 'l2', 0.5)).toBeLessThan(8.5)
  expect(await margin('intersect', 'linf', 0.5)).toBeCloseTo(8.5, 4)
  // Farther than the box reaches: ℓ1 can move by 1 only.
  expect(await margin('ignore', 'l1', 1.5)).toBeCloseTo(7.5, 4)
  expect(await margin('intersect', 'l1', 1.5)).toBeCloseTo(8, 4)
})

test('a model that cannot change its mind is certified on the whole domain', async () => {
  const model = await load({
    weights: [
      [0, 0],
      [0, 0],
    ],
    bias: [1, 0],
  }) // prettier-ignore
  for (const [norm, diameter] of [
    ['linf', 20],
    ['l2', Math.hypot(20, 20)],
    ['l1', 40],
  ] as const) {
    for (const method of [crown({ norm }), intervalPropagation({ norm }), linearExact({ norm })]) {
      const { samples } = await bound(model, method, { inputs: at(1, 2) })
      expect(samples[0].radius / diameter).toBeCloseTo(1, 4)
      expect(samples[0].radius).toBeLessThanOrEqual(diameter)
    }
  }
})

test('operators without a rule are refused by name', async () => {
  const model = await loadModel(operatorModel([3], 'Cosh'), { domain: [-1, 1] })
  const inputs = at(0.1, 0.2, 0.3)
  for (const make of [crown, intervalPropagation]) {
    const running = marginBounds(model, make({ norm: 'linf' }), { inputs, epsilon: 0.1 })
    await expect(running).rejects.toThrow(/No bound rule for operator Cosh .*Attacks still work/)
  }
  await expect(bound(model, linearExact({ norm: 'l2' }), { inputs })).rejects.toThrow(/Cosh.*not linear/)
})
