import { afterAll, describe, expect, test } from 'vitest'
import { convolutionNorm } from '../../src/bounds/lipschitz/convolution-norm.js'
import { linearNodes, linearNorms } from '../../src/bounds/lipschitz/linear-norms.js'
import { spectralNorms } from '../../src/bounds/lipschitz/spectral-norm.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import { type AttributeValue, GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { describeConvolution } from '../../src/operators/conv.js'
import { ruleContext } from '../../src/passes/context.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'
import { largestSingularValue, matrixOf } from './dense-matrix.js'
import { Layers } from './networks.js'

afterAll(() => engine.close())

type Body = (layers: Layers, input: string) => string

async function linearModel(featureShape: readonly number[], random: RandomSource, body: Body): Promise<Classifier> {
  const graph = graphOf(featureShape, (builder: GraphBuilder, input) => {
    return builder.add('Flatten', [body(new Layers(builder, random), input)])
  })
  return loadModel(encodeModel(graph), { domain: [-1, 1] })
}

/** Norm of the first linear node, and those of the matrix of the whole model. */
async function normsOf(model: Classifier, norm: 'linf' | 'l2' | 'l1') {
  const matrix = await matrixOf(model)
  const [[left, right]] = [...(await linearNorms(model, norm, startBudget()))!.values()]
  const rows = (values: number[][]) =>
    Math.max(...values.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)))
  const columns = () => rows(range(matrix[0].length).map((at) => matrix.map((row) => row[at])))
  const truth = { linf: () => rows(matrix), l1: columns, l2: () => largestSingularValue(matrix) }[norm]()
  const absolute = matrix.map((row) => row.map(Math.abs))
  return { bound: (left ?? right)![0], truth, absolute: norm === 'l2' ? largestSingularValue(absolute) : truth }
}

const convolutions: [string, number[], number, number, Record<string, AttributeValue>][] = [
  ['no padding', [3, 8, 8], 2, 3, {}],
  ['padding', [2, 8, 8], 2, 3, { pads: [1, 1, 1, 1] }],
  ['lopsided padding', [2, 8, 9], 3, 3, { pads: [2, 0, 0, 1] }],
  ['stride 2', [2, 10, 10], 4, 3, { strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['strides 2 and 3, not dividing the input', [2, 13, 14], 3, 3, { strides: [2, 3] }],
  ['stride as large as the kernel', [2, 8, 8], 5, 2, { strides: [2, 2] }],
  ['a stride larger than the kernel', [2, 9, 9], 3, 2, { strides: [3, 3] }],
  ['groups', [4, 7, 7], 4, 3, { group: 2, pads: [1, 1, 1, 1] }],
  ['dilation', [2, 11, 11], 2, 3, { dilations: [2, 2] }],
  [
    'dilation, stride, groups and padding',
    [4, 9, 9],
    4,
    3,
    { dilations: [2, 1], strides: [2, 2], group: 4, pads: [2, 1, 1, 0] },
  ],
  ['a kernel as large as the input', [3, 4, 4], 5, 4, {}],
  ['one pixel', [6, 3, 3], 4, 1, {}],
]

describe.each(convolutions)('convolution with %s', (name, featureShape, outputs, kernel, attributes) => {
  const isTiny = name.startsWith('a kernel as large')
  test('the ℓ2 norm is bounded from above, by at most 0.5 %, on the circular grid 25 %', async () => {
    const group = (attributes.group as number | undefined) ?? 1
    const model = await linearModel(featureShape, randomSource(seed), (layers, input) =>
      layers.conv(input, featureShape[0] / group, outputs, kernel, attributes),
    )
    const { bound, truth, absolute } = await normsOf(model, 'l2')
    expect(bound.signed).toBeGreaterThanOrEqual(truth * (1 - 1e-6))
    expect(bound.signed).toBeLessThanOrEqual(1.005 * truth)
    expect(bound.absolute).toBeGreaterThanOrEqual(absolute * (1 - 1e-6))
    // Larger convolutions only have the norm on the circular grid.
    const [node] = linearNodes(model.graph)
    const context = ruleContext(model.graph, new GraphBuilder(18))
    const weights = model.graph.constants.get(node.inputs[1])!
    const circular = await convolutionNorm(model, describeConvolution(node, context), weights, startBudget())
    expect(circular).toBeGreaterThanOrEqual(truth * (1 - 1e-6))
    if (!isTiny) expect(circular).toBeLessThanOrEqual(1.25 * truth)
    for (const norm of ['linf', 'l1'] as const) {
      const exact = await normsOf(model, norm)
      expect(exact.bound.signed / exact.truth).toBeCloseTo(1, 5)
    }
    await model.close()
  })
})

test('a convolution with too many channels for the circular grid has a coarser bound', async () => {
  const model = await loadModel(denseModel({ weights: [[1], [1]] }), { domain: [-1, 1] })
  const [channels, elements] = [256, 9]
  const weights = new Float32Array(channels * channels * elements)
  // Only the middle of each kernel, and the largest factor is 4.
  for (const channel of range(channels)) weights[(channel * channels + channel) * elements + 4] = 4 - channel / channels
  const geometry = {
    inputSizes: [32, 32],
    kernel: [3, 3],
    strides: [1, 1],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    ceilMode: false,
  }
  const convolution = { geometry, inputChannels: channels, outputChannels: channels, group: 1 }
  const tensor = { type: 'float32', shape: [channels, channels, 3, 3], data: weights } as const
  const norm = await convolutionNorm(model, convolution, tensor, startBudget())
  expect(norm).toBeGreaterThanOrEqual(4)
  expect(norm).toBeLessThan(3 * 4 * 1.01)
  await model.close()
})

test('a convolution of ones, whose norm the Frobenius norm misses', async () => {
  const model = await linearModel([1, 14, 14], randomSource(seed), (layers, input) =>
    layers.builder.add('Conv', [input, layers.builder.floats(new Array(9).fill(1 / 3), [1, 1, 3, 3])]),
  )
  const { bound, truth } = await normsOf(model, 'l2')
  expect(truth).toBeGreaterThan(2.5)
  expect(bound.signed).toBeGreaterThan(truth)
  expect(bound.signed).toBeLessThan(3.01)
  await model.close()
})

test.each([
  [12, 9],
  [9, 12],
  [1, 7],
  [40, 40],
])('dense %d × %d: bounded closely by the largest singular value', async (rows, columns) => {
  const random = randomSource(seed)
  const weights = range(rows).map(() => range(columns).map(() => random.normal()))
  const model = await loadModel(denseModel({ weights }), { domain: [-1, 1] }).catch(async () => undefined)
  const truth = largestSingularValue(weights)
  const host = model ?? (await loadModel(denseModel({ weights: [[1], [1]] }), { domain: [-1, 1] }))
  const data = Float64Array.from(weights.flat())
  const [norm] = await spectralNorms(host, { count: 1, rows, columns, data })
  expect(norm).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
  expect(norm).toBeLessThanOrEqual(1.005 * truth)
  await host.close()
})

test('a flat spectrum is the worst case: 1024 equal singular values cost 0.7 percent at most; zeros give about 0', async () => {
  const model = await loadModel(denseModel({ weights: [[1], [1]] }), { domain: [-1, 1] })
  const size = 64
  const identity = Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 3 : 0))
  const stack = new Float64Array(2 * size * size)
  stack.set(identity)
  const [norm, zero] = await spectralNorms(model, { count: 2, rows: size, columns: size, data: stack })
  expect(norm).toBeGreaterThanOrEqual(3)
  expect(norm).toBeLessThan(3 * size ** (1 / 2048) * (1 + 1e-9))
  expect(zero).toBeLessThan(1e-60)
  await model.close()
})

const others: [string, number[], Body][] = [
  ['BatchNormalization', [3, 2, 2], (layers, input) => layers.batchNormalization(input, 3)],
  [
    'AveragePool of tiles',
    [1, 6, 6],
    (layers, input) => layers.builder.add('AveragePool', [input], { kernel_shape: [3, 3], strides: [3, 3] }),
  ],
  [
    'overlapping AveragePool',
    [1, 6, 6],
    (layers, input) => layers.builder.add('AveragePool', [input], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
  ],
  ['GlobalAveragePool', [2, 3, 3], (layers, input) => layers.builder.add('GlobalAveragePool', [input])],
  [
    'Gather with repetitions',
    [4],
    (layers, input) => layers.builder.add('Gather', [input, layers.builder.ints([0, 2, 2, 2, 3])], { axis: 1 }),
  ],
  [
    'Div by constants',
    [3],
    (layers, input) => layers.builder.add('Div', [input, layers.builder.floats([0.5, -0.25, 2], [1, 3])]),
  ],
  ['ReduceMean', [2, 5], (layers, input) => layers.builder.add('ReduceMean', [input, layers.builder.ints([2])])],
  [
    'Pad',
    [1, 3, 3],
    (layers, input) => layers.builder.add('Pad', [input, layers.builder.ints([0, 0, 1, 1, 0, 0, 1, 1])]),
  ],
  [
    'ConvTranspose',
    [3, 4, 4],
    (layers, input) => layers.builder.add('ConvTranspose', [input, layers.numbers([3, 2, 3, 3])], { strides: [2, 2] }),
  ],
  ['a matrix on the left', [4, 3], (layers, input) => layers.builder.add('MatMul', [layers.numbers([5, 4]), input])],
] // prettier-ignore

test.each(others)('%s: bounded in all norms, exactly in ℓ∞ and ℓ1', async (_name, featureShape, body) => {
  const model = await linearModel(featureShape, randomSource(seed), body)
  for (const norm of ['linf', 'l2', 'l1'] as const) {
    const { bound, truth, absolute } = await normsOf(model, norm)
    expect(bound.signed).toBeGreaterThanOrEqual(truth * (1 - 1e-6))
    expect(bound.absolute).toBeGreaterThanOrEqual(absolute * (1 - 1e-6))
    if (norm !== 'l2') expect(bound.signed / truth).toBeCloseTo(1, 5)
    else expect(bound.signed / truth).toBeLessThan(1.01)
  }
  await model.close()
})

test('a large ConvTranspose has the norm of its convolution on the circular grid', async () => {
  const model = await linearModel([3, 7, 7], randomSource(seed), (layers, input) =>
    layers.builder.add('ConvTranspose', [input, layers.numbers([3, 4, 3, 3])], {
      strides: [2, 2],
      output_padding: [1, 0],
    }),
  )
  const { bound, truth } = await normsOf(model, 'l2')
  expect(bound.signed).toBeGreaterThanOrEqual(truth * (1 - 1e-6))
  expect(bound.signed).toBeLessThanOrEqual(1.25 * truth)
  await model.close()
})
