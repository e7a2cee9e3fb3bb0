import { afterAll, describe, expect, test } from 'vitest'
import { checkLowerBound } from '../../matchers/to-have-lower-bound-above.js'
import { checkBoundValidity } from '../../matchers/to-have-valid-lower-bounds.js'
import type { Bound } from '../../src/bounds/bound.js'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { taylor } from '../../src/bounds/lipschitz/taylor.js'
import * as layer from '../../src/bounds/published/layers.js'
import { publishedPeck } from '../../src/bounds/published/published-bound.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { float } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

/** A published formula that is wrong, on a network small enough to see it. */
interface Counterexample {
  /** The bytes of the network; what it says of `input` is class 0. */
  readonly model: Uint8Array
  readonly input: readonly number[]
  readonly shape: readonly number[]
  /** Of an input that is not class 0 any more. */
  readonly perturbation: readonly number[]
  /** What the paper proves to be impossible below. */
  readonly published: number
  readonly corrected: Bound
}

const half = Math.SQRT1_2

const inactiveRelu: Counterexample = {
  model: denseModel(
    {
      weights: [
        [1, 0],
        [0, 1],
      ],
      bias: [-0.001, -0.001],
      activation: 'Relu',
    },
    {
      weights: [
        [0, 0],
        [half, half],
      ],
      bias: [0.01, 0],
    },
  ), // prettier-ignore
  input: [0, 0],
  shape: [2],
  perturbation: [0.00808, 0.00808],
  published: 0.119,
  corrected: lipschitz({ norm: 'l2' }),
}

// How many windows each pixel lies in, times 1/3: the direction in which the sum of the outputs grows fastest.
const coverage = (position: number) => Math.min(position + 1, 3, 16 - position)
const spread = Array.from({ length: 256 }, (_, at) => (coverage(Math.floor(at / 16)) * coverage(at % 16)) / 3)
const spreadNorm = Math.hypot(...spread)

const overlappingConvolution: Counterexample = {
  model: encodeModel(
    graphOf([1, 16, 16], (builder, input) => {
      const kernel = builder.floats(new Array(9).fill(1 / 3), [1, 1, 3, 3])
      const rows = builder.add('Flatten', [builder.add('Relu', [builder.add('Conv', [input, kernel])])])
      const head = builder.floats([...new Array(196).fill(0), ...new Array(196).fill(1)], [2, 196])
      return builder.add('Gemm', [rows, head, builder.floats([196 * 1.5 + 3, 0])], { transB: 1 })
    }),
  ),
  input: new Array(256).fill(0.5),
  shape: [1, 16, 16],
  perturbation: spread.map((value) => (0.0765 * value) / spreadNorm),
  published: 0.2143,
  corrected: lipschitz({ norm: 'l2' }),
}

const oneOfFour = (builder: Parameters<Parameters<typeof graphOf>[1]>[0], value: string, width: number) =>
  builder.add(
    'Gemm',
    [
      builder.add('Flatten', [value]),
      builder.floats(
        [...new Array(width).fill(0), ...Array.from({ length: width }, (_, at) => Number(at === 1))],
        [2, width],
      ),
      builder.floats([1, 0]),
    ],
    { transB: 1 },
  )

const normalization: Counterexample = {
  model: encodeModel(
    graphOf([2], (builder, input) => {
      const [one, zero] = [builder.floats([1, 1]), builder.floats([0, 0])]
      return oneOfFour(builder, builder.add('BatchNormalization', [input, one, zero, zero, one]), 2)
    }),
  ),
  input: [100, 0],
  shape: [2],
  perturbation: [0, 1.0001],
  published: 10.02,
  corrected: lipschitz({ norm: 'l2' }),
}

const responseNormalization: Counterexample = {
  model: encodeModel(
    graphOf([4, 1, 1], (builder, input) =>
      oneOfFour(
        builder,
        builder.add('LRN', [input], { size: 1, alpha: float(1e-4), beta: float(0.75), bias: float(1) }),
        4,
      ),
    ),
  ),
  input: [100, 0, 0, 0],
  shape: [4, 1, 1],
  perturbation: [0, 1.0001, 0, 0],
  published: 16.6,
  corrected: lipschitz({ norm: 'l2' }),
}

// Where tanh″ is largest, the printed constant allows for half of it.
const steepest = -0.5 * Math.log(2 + Math.sqrt(3))
const bend: Counterexample = {
  model: denseModel(
    { weights: [[1]], activation: 'Tanh' },
    { weights: [[0], [1]], bias: [Math.tanh(steepest + 0.3), 0] },
  ),
  input: [steepest],
  shape: [1],
  perturbation: [0.3001],
  published: 0.32055,
  corrected: taylor(),
}

const counterexamples: [string, Counterexample][] = [
  ['§4.3.1, Relu: an inactive unit has no gradient, but can be switched on', inactiveRelu],
  ['Theorem 5.1, convolution: windows overlap', overlappingConvolution],
  ['Theorem 5.6, batch normalisation: the output can move without growing', normalization],
  ['Theorem 5.9, LRN: the output can move without growing', responseNormalization],
  ['Table 4.1, tanh: half of the second derivative', bend],
]

const norm = (values: readonly number[]) => Math.hypot(...values)
const load = (model: Uint8Array) => loadModel(model, { domain: [-200, 200] })
const inputsOf = (data: readonly number[], shape: readonly number[]) => ({
  data: Float32Array.from(data),
  shape: [1, ...shape],
})

async function radiusOf(model: Classifier, method: Bound, { input, shape }: Counterexample): Promise<number> {
  const { samples } = await bound(model, method, { inputs: inputsOf(input, shape), labels: [0] })
  return samples[0].radius
}

describe.each(counterexamples)('%s', (_name, example) => {
  const { input, shape, perturbation, published, corrected } = example

  test('a perturbation that the published bound excludes is adversarial; the corrected bounds are below it', async () => {
    const model = await load(example.model)
    const moved = inputsOf(
      input.map((value, at) => value + perturbation[at]),
      shape,
    )
    const [own, rival] = await model.predict(moved)
    expect(rival).toBeGreaterThan(own)
    const claimed = await radiusOf(model, publishedPeck(), example)
    expect(Math.abs(claimed / published - 1)).toBeLessThan(0.005)
    expect(claimed).toBeGreaterThan(norm(perturbation) * 1.03)
    for (const method of [corrected, lipschitz({ norm: 'l2' })]) {
      const radius = await radiusOf(model, method, example)
      expect(radius).toBeGreaterThan(0)
      expect(radius).toBeLessThan(norm(perturbation))
    }
    await model.close()
  })

  test('the search for violations refutes it', async () => {
    const model = await load(example.model)
    const samples = { inputs: inputsOf(input, shape), labels: Int32Array.of(0) }
    const evidence = await checkBoundValidity(model, { samples, bound: publishedPeck(), seed, runs: 20 })
    expect(evidence.verdict).toBe('violated')
    const valid = await checkBoundValidity(model, { samples, bound: corrected, seed, runs: 20 })
    expect(valid.verdict).toBe('valid')
    await model.close()
  })
})

test('no assertion takes the published bound for a certificate', async () => {
  const model = await load(normalization.model)
  const { input, shape } = normalization
  const samples = { inputs: inputsOf(input, shape), labels: Int32Array.of(0) }
  const evidence = await checkLowerBound(model, 0.1, { samples, norm: 'l2', bound: publishedPeck() })
  expect(evidence.verdict).toBe('inconclusive')
  expect(evidence.reason).toMatch(/estimate proves nothing/)
  const { warnings, bound: described } = await bound(model, publishedPeck(), samples)
  expect(described).toMatchObject({ name: 'publishedPeck (unsound)', sound: false })
  expect(warnings).toEqual([expect.stringContaining('not a proof')])
  await model.close()
})

test('published margins fall from those at the sample to 0 at the published radius', async () => {
  const model = await load(normalization.model)
  const { input, shape } = normalization
  const inputs = inputsOf(input, shape)
  const radius = await radiusOf(model, publishedPeck(), normalization)
  const at = async (epsilon: number) =>
    (await marginBounds(model, publishedPeck(), { inputs, labels: [0], epsilon }))[1]
  expect(await at(0)).toBeCloseTo(1, 6)
  expect(await at(radius)).toBeCloseTo(0, 6)
  expect(await at(2 * radius)).toBeCloseTo(-1, 6)
  await model.close()
})

describe('formulas by hand', () => {
  test('a linear classifier alone: the exact distance (Lemma 3.5)', async () => {
    const model = await load(
      denseModel({
        weights: [
          [3, 4],
          [0, 0],
          [0, 8],
        ],
        bias: [0, 0, 1],
      }),
    ) // prettier-ignore
    const example = { ...inactiveRelu, input: [2, 1] }
    // 10 − 0 over 5, and 10 − 9 over 5.
    expect(await radiusOf(model, publishedPeck(), example)).toBeCloseTo(1 / 5, 5)
    await model.close()
  })

  test.each([
    ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2] }, 2, 1],
    ['AveragePool', { kernel_shape: [2, 2], strides: [2, 2] }, 2, 1],
    ['GlobalMaxPool', {}, 1, 1],
    ['LpPool', { kernel_shape: [2, 2], strides: [2, 2], p: 2 }, 2, 2],
    ['LpPool', { kernel_shape: [2, 2], strides: [2, 2], p: 1 }, 2, 4],
  ] as const)('Algorithm 5.1 over a convolution and %s %o', async (operator, attributes, side, root) => {
    // Kernels of norm 5 and 12, so 13 together; the head tells the first pooled value from a constant.
    const kernels = new Float32Array(2 * 3 * 3)
    kernels.set([3, 4], 0)
    kernels.set([12], 9)
    const width = 2 * side * side
    const bytes = encodeModel(
      graphOf([1, 6, 6], (builder, input) => {
        const conv = builder.add('Conv', [input, builder.floats(kernels, [2, 1, 3, 3])])
        const pooled = builder.add(operator, [builder.add('Relu', [conv])], { ...attributes })
        const rows = new Float32Array(2 * width)
        rows[0] = 2
        const head = [builder.add('Flatten', [pooled]), builder.floats(rows, [2, width]), builder.floats([0, 1])]
        return builder.add('Gemm', head, { transB: 1 })
      }),
    )
    const model = await load(bytes)
    const inputs = inputsOf(new Array(36).fill(0.5), [1, 6, 6])
    const [own, rival] = await model.predict(inputs)
    const { samples } = await bound(model, publishedPeck(), { inputs, labels: [0] })
    expect(samples[0].radius / ((own - rival) / 2 / side / root / 13)).toBeCloseTo(1, 5)
    const sound = await bound(model, lipschitz({ norm: 'l2' }), { inputs, labels: [0] })
    expect(sound.samples[0].radius).toBeGreaterThan(0)
    await model.close()
  })

  test('pooling divides by the side of the output, Lp pooling by q^(2/p) more', () => {
    expect(layer.pooling(6, [3, 3])).toBeCloseTo(2)
    expect(layer.powerPooling(6, [3, 3], [2, 2], 2)).toBeCloseTo(1)
    expect(layer.powerPooling(6, [3, 3], [2, 2], 1)).toBeCloseTo(0.5)
  })

  test('a fully connected layer without curvature is linear', () => {
    expect(layer.fullyConnected(3, 2, 0, 5)).toBe(1.5)
    // r = 1 solves 2·r + 3·√4·r² / 2 = 5.
    expect(layer.fullyConnected(5, 2, 3, 4)).toBeCloseTo(1)
  })

  test('a batch normalisation that is constant in one channel says nothing there', () => {
    const statistics = (scale: number) => ({ scale, shift: 0, mean: 0, variance: 1 })
    expect(layer.batchNormalization(1, [1, 2], [0, 2], (element) => statistics(element))).toBeGreaterThan(0)
    expect(layer.batchNormalization(1, [1, 2], [0, 0], () => statistics(0))).toBe(0)
  })
})

test('layers that the paper does not treat are refused by name', async () => {
  const model = await loadModel(
    encodeModel(
      graphOf([3, 2, 2], (builder, input) =>
        builder.add('Flatten', [builder.add('Add', [builder.add('Relu', [input]), input])]),
      ),
    ),
    { domain: [-1, 1] },
  )
  const request = { inputs: { data: new Float32Array(12).fill(0.1), shape: [1, 3, 2, 2] } }
  await expect(bound(model, publishedPeck(), request)).rejects.toThrow(/No published bound rule for operator Add/)
  await expect(bound(model, taylor(), request)).rejects.toThrow(/No Taylor bound rule for operator Add.*lipschitz/)
  await model.close()
})
