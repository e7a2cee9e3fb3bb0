import { afterAll, expect, test } from 'vitest'
import { crown } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { decompositions } from '../../src/decompositions/rewrite.js'
import { engine } from '../../src/engine/engine.js'
import { float, GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { predictClasses } from '../../src/model/predict-classes.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { directionalDerivative } from '../architectures/finite-differences.js'
import { sampledMargins } from '../bounds/sampling.js'
import { normals } from '../operators/harness.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

interface Case {
  readonly features: readonly number[]
  readonly opset?: number
  build(builder: GraphBuilder, input: string, random: RandomSource): string
}

const node =
  (operator: string, attributes = {}) =>
  (builder: GraphBuilder, input: string) =>
    builder.add(operator, [input], attributes)

/** One input, weights of these shapes, and attributes. */
const weighted =
  (operator: string, shapes: readonly (readonly number[])[], attributes = {}) =>
  (builder: GraphBuilder, input: string, random: RandomSource) =>
    builder.add(operator, [input, ...shapes.map((shape) => normals(builder, random, shape))], attributes)

const resized =
  (scales: readonly number[], attributes: Record<string, string | number>) => (builder: GraphBuilder, input: string) =>
    builder.add('Resize', [input, '', builder.floats([1, ...scales])], attributes)

/** A product of the input with a constant and, with `twice`, one of the input with itself. */
const einsum =
  (equation: string, ...shapes: readonly (readonly number[])[]) =>
  (builder: GraphBuilder, input: string, random: RandomSource) =>
    builder.add('Einsum', [input, ...shapes.map((shape) => normals(builder, random, shape))], { equation })

const einsumWithItself = (equation: string) => (builder: GraphBuilder, input: string) =>
  builder.add('Einsum', [input, builder.add('Sigmoid', [input])], { equation })

/** Time first, as recurrent layers want it; the first output, the states after the last step, or both. */
const recurrent =
  (operator: string, gates: number, directions: number, attributes = {}, picked: readonly number[] = [0]) =>
  (builder: GraphBuilder, input: string, random: RandomSource) => {
    const hidden = 3
    const weights = [
      normals(builder, random, [directions, gates * hidden, 2]),
      normals(builder, random, [directions, gates * hidden, hidden]),
      normals(builder, random, [directions, 2 * gates * hidden]),
    ]
    const timeFirst = builder.add('Transpose', [input], { perm: [1, 0, 2] })
    const outputs = builder.addMany(operator, [timeFirst, ...weights], operator === 'LSTM' ? 3 : 2, {
      hidden_size: hidden,
      ...attributes,
    })
    const parts = picked.map((index) => {
      const batchFirst = index === 0 ? [2, 0, 1, 3] : [1, 0, 2]
      const moved = builder.add('Transpose', [outputs[index]], { perm: batchFirst })
      return builder.add('Reshape', [moved, builder.ints([0, -1])])
    })
    return parts.length === 1 ? parts[0] : builder.add('Concat', parts, { axis: 1 })
  }

const reduced =
  (operator: string, axes: readonly number[], keepdims = 1) =>
  (builder: GraphBuilder, input: string) =>
    builder.add(operator, [input, builder.ints(axes)], { keepdims })

/** The same whole numbers for every sample. */
const repeated = (builder: GraphBuilder, input: string, shape: readonly number[], values: readonly number[]) => {
  const one = builder.constant({ type: 'int64', shape: [1, ...shape], data: BigInt64Array.from(values, BigInt) })
  const batch = builder.add('Shape', [input], { start: 0, end: 1 })
  return builder.add('Expand', [one, builder.add('Concat', [batch, builder.ints(shape)], { axis: 0 })])
}

/** Writes columns of the input over a value, at the ends of its rows; twice at the last place. */
const scattered =
  (data: (builder: GraphBuilder, input: string) => string) => (builder: GraphBuilder, input: string) => {
    const indices = repeated(builder, input, [3, 3], [0, -1, 3, 1, -1, 3, 0, -1, 3])
    const columns = builder.add('Slice', [input, ...[[0], [3], [2]].map((values) => builder.ints(values))])
    return builder.add('ScatterElements', [data(builder, input), indices, columns], { axis: -1 })
  }

const cases: Record<string, Case> = {
  LayerNormalization: { features: [3, 4], build: weighted('LayerNormalization', [[4], [4]]) },
  'LayerNormalization over two axes': {
    features: [3, 4],
    build: weighted('LayerNormalization', [[3, 4]], { axis: 1, epsilon: float(0.01) }),
  },
  InstanceNormalization: { features: [2, 3, 4], build: weighted('InstanceNormalization', [[2], [2]]) },
  'GroupNormalization of opset 21': {
    features: [4, 3, 2],
    opset: 21,
    build: weighted('GroupNormalization', [[4], [4]], { num_groups: 2 }),
  },
  'GroupNormalization of opset 18': {
    features: [4, 3, 2],
    build: weighted('GroupNormalization', [[2], [2]], { num_groups: 2 }),
  },
  RMSNormalization: { features: [3, 4], opset: 23, build: weighted('RMSNormalization', [[4]]) },
  'LayerNormalization that names its statistics': {
    features: [3, 4],
    build: (builder, input) => builder.addMany('LayerNormalization', [input, builder.floats([1, 2, 3, 4])], 3)[0],
  },
  SimplifiedLayerNormalization: { features: [3, 4], build: weighted('SimplifiedLayerNormalization', [[4]]) },
  MeanVarianceNormalization: { features: [2, 3, 2], build: node('MeanVarianceNormalization', { axes: [2, 3] }) },
  'LpNormalization of p = 1': { features: [3, 4], build: node('LpNormalization', { p: 1, axis: 1 }) },
  LpNormalization: { features: [3, 4], build: node('LpNormalization') },

  'Einsum of a batch of matrices': { features: [3, 4], build: einsum('bij,jk->bik', [4, 2]) },
  'Einsum that transposes': { features: [3, 4], build: einsum('nij,kj->nki', [2, 4]) },
  'Einsum that sums over letters': { features: [3, 4], build: einsum('nij,jk->nk', [4, 2]) },
  'Einsum with an ellipsis': { features: [2, 3, 4], build: einsum('...j,jk->...k', [4, 2]) },
  'Einsum without a result': { features: [3, 4], build: einsum('bij,jk', [4, 2]) },
  'Einsum of three operands': { features: [3, 4], build: einsum('nij,jk,kl->nil', [4, 2], [2, 3]) },
  'Einsum of one operand': { features: [3, 4], build: einsum('nij->nji') },
  'Einsum of attention': { features: [3, 2, 4], build: einsumWithItself('bihd,bjhd->bhij') },
  'Einsum of an outer product': { features: [3], build: einsumWithItself('ni,nj->nij') },

  'Resize to the nearest': {
    features: [2, 3, 3],
    build: resized([1, 2, 2], { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' }),
  },
  'Resize to fewer': { features: [2, 4, 6], build: resized([1, 0.5, 0.5], { mode: 'nearest' }) },
  'Resize by a broken factor': { features: [2, 4, 5], build: resized([1, 1.5, 1.4], { mode: 'nearest' }) },
  'Resize, linear': { features: [2, 3, 4], build: resized([1, 2, 2], { mode: 'linear' }) },
  'Resize, linear to fewer': { features: [2, 5, 4], build: resized([1, 0.6, 0.5], { mode: 'linear' }) },
  'Resize with aligned corners': {
    features: [2, 3, 4],
    build: resized([1, 2, 2], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }),
  },
  'Resize as PyTorch does': {
    features: [2, 3, 4],
    build: resized([1, 2, 1.5], { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' }),
  },
  'Resize, cubic': { features: [2, 4, 4], build: resized([1, 2, 2], { mode: 'cubic' }) },
  'Resize of one axis': { features: [2, 3], build: resized([1, 3], { mode: 'linear' }) },

  RNN: { features: [4, 2], build: recurrent('RNN', 1, 1) },
  LSTM: { features: [4, 2], build: recurrent('LSTM', 4, 1, {}, [0, 1, 2]) },
  'LSTM in both directions': {
    features: [4, 2],
    build: recurrent('LSTM', 4, 2, { direction: 'bidirectional' }, [0, 1]),
  },
  'LSTM backwards': { features: [4, 2], build: recurrent('LSTM', 4, 1, { direction: 'reverse' }, [0, 2]) },
  GRU: { features: [4, 2], build: recurrent('GRU', 3, 1, {}, [0, 1]) },
  'GRU as PyTorch has it': { features: [4, 2], build: recurrent('GRU', 3, 1, { linear_before_reset: 1 }) },

  Mish: { features: [5], build: node('Mish') },
  Swish: { features: [5], opset: 24, build: node('Swish', { alpha: float(1.5) }) },
  Softsign: { features: [5], build: node('Softsign') },
  Selu: { features: [5], build: node('Selu') },
  Celu: { features: [5], build: node('Celu', { alpha: float(0.7) }) },
  ThresholdedRelu: { features: [5], build: node('ThresholdedRelu', { alpha: float(0.5) }) },
  Shrink: { features: [5], build: node('Shrink', { lambd: float(0.4), bias: float(0.1) }) },
  Reciprocal: {
    features: [5],
    build: (builder, input) =>
      builder.add('Reciprocal', [builder.add('Add', [builder.add('Exp', [input]), builder.scalar(1)])]),
  },
  Sum: { features: [5], build: (builder, input) => builder.add('Sum', [input, builder.add('Tanh', [input]), input]) },
  Mean: {
    features: [5],
    build: (builder, input) => builder.add('Mean', [input, builder.add('Tanh', [input]), builder.scalar(1)]),
  },

  'DepthToSpace, rows first': { features: [8, 2, 3], build: node('DepthToSpace', { blocksize: 2 }) },
  'DepthToSpace, columns first': { features: [8, 2, 3], build: node('DepthToSpace', { blocksize: 2, mode: 'CRD' }) },
  SpaceToDepth: { features: [2, 4, 6], build: node('SpaceToDepth', { blocksize: 2 }) },
  Tile: { features: [2, 3], build: (builder, input) => builder.add('Tile', [input, builder.ints([1, 2, 3])]) },
  Trilu: { features: [3, 4], build: node('Trilu') },
  'Trilu of the lower part': {
    features: [3, 4],
    build: (builder, input) => builder.add('Trilu', [input, builder.int(-1)], { upper: 0 }),
  },
  CumSum: { features: [3, 4], build: (builder, input) => builder.add('CumSum', [input, builder.int(1)]) },
  'CumSum, exclusive and from the end': {
    features: [3, 4],
    build: (builder, input) => builder.add('CumSum', [input, builder.int(-1)], { exclusive: 1, reverse: 1 }),
  },

  GatherElements: {
    features: [3, 4],
    build: (builder, input) =>
      builder.add('GatherElements', [input, repeated(builder, input, [2, 4], [0, 1, 2, -1, 2, 2, -3, 0])], { axis: 1 }),
  },
  GatherND: {
    features: [3, 4],
    build: (builder, input) =>
      builder.add('GatherND', [input, repeated(builder, input, [3, 2], [0, 1, 2, -1, -3, 3])], { batch_dims: 1 }),
  },
  'GatherND of rows': {
    features: [2, 3, 4],
    build: (builder, input) =>
      builder.add('GatherND', [input, repeated(builder, input, [2, 2, 1], [0, 2, 1, -1])], { batch_dims: 2 }),
  },
  ScatterElements: { features: [3, 4], build: scattered((builder, input) => builder.add('Tanh', [input])) },
  'ScatterElements over a constant': {
    features: [3, 4],
    build: scattered((builder, input) => builder.add('ConstantOfShape', [builder.add('Shape', [input])])),
  },

  ReduceL1: { features: [3, 4], build: reduced('ReduceL1', [1]) },
  ReduceL2: { features: [3, 4], build: reduced('ReduceL2', [1], 0) },
  ReduceSumSquare: { features: [3, 4], build: reduced('ReduceSumSquare', [-1], 0) },
  ReduceLogSum: {
    features: [3, 4],
    build: (builder, input) => reduced('ReduceLogSum', [1])(builder, builder.add('Exp', [input])),
  },
  ReduceLogSumExp: { features: [3, 4], build: reduced('ReduceLogSumExp', [1], 0) },
  'ReduceMax over two axes': { features: [3, 2, 4], build: reduced('ReduceMax', [1, 3], 0) },
  'ReduceMax over no axes': { features: [3, 4], build: node('ReduceMax', { noop_with_empty_axes: 1 }) },
  'ReduceMin over an empty list of axes': {
    features: [3, 4],
    build: (builder, input) => builder.add('ReduceMin', [input, builder.ints([])], { noop_with_empty_axes: 1 }),
  },
  'ReduceMin over two axes': { features: [3, 2, 4], build: reduced('ReduceMin', [1, 3]) },
  GlobalLpPool: { features: [2, 3, 3], build: node('GlobalLpPool', { p: 3 }) },
}

test('every decomposition has a case', () => {
  // Quantisation has tests of its own: its gradient is no derivative. ScatterND has parts for a single sample only.
  const integers = ['DynamicQuantizeLinear', 'MatMulInteger', 'ConvInteger']
  const others = ['QuantizeLinear', 'DequantizeLinear', ...integers, 'ScatterND']
  const covered = Object.keys(cases).map((name) => name.split(/[ ,]/)[0])
  expect([...decompositions.keys()].filter((name) => !covered.includes(name) && !others.includes(name))).toEqual([])
})

/** Operators whose parts have no bounds, or whose own kernel they do not cover, and what refuses. */
const refusals: Record<string, string> = {
  GroupNormalization: 'GroupNormalization',
  MeanVarianceNormalization: 'MeanVarianceNormalization',
  LSTM: 'LSTM',
  GRU: 'GRU',
  RNN: 'RNN',
  ThresholdedRelu: 'ThresholdedRelu',
  Shrink: 'Shrink',
  'Resize, linear to fewer': 'Resize',
  'Resize with aligned corners': 'Resize',
  'Resize as PyTorch does': 'Resize',
  'Resize, cubic': 'Resize',
  'Resize of one axis': 'Resize',
}

test.for(Object.entries(cases))(
  '%s has bounds that hold, or says why not',
  async ([name, { features, opset = 18, build }]) => {
    const random = randomSource(seed)
    const builder = new GraphBuilder(opset)
    const built = build(builder, builder.input('input', 'float32', ['batch', ...features]), random)
    // Sums of every other element, whatever their number is.
    const flat = builder.add('Flatten', [built])
    const strided = (start: number) =>
      builder.add('Slice', [flat, ...[[start], [2 ** 31 - 1], [1], [2]].map((values) => builder.ints(values))])
    const logits = [0, 1].map((start) => builder.add('ReduceSum', [strided(start), builder.ints([1])], { keepdims: 1 }))
    builder.output('logits', builder.add('Concat', logits, { axis: 1 }))
    const model = await loadModel(encodeModel(builder.build()), { domain: [-9, 9] })
    try {
      const inputs = {
        data: Float32Array.from({ length: 2 * elementCount(features) }, () => random.normal()),
        shape: [2, ...features],
      }
      const labels = await predictClasses(model, inputs)
      const epsilon = 0.02
      const bounding = marginBounds(model, crown({ norm: 'linf' }), { inputs, labels, epsilon })
      const refused = refusals[name] ?? refusals[name.split(/[ ,]/)[0]]
      if (refused) {
        await expect(bounding).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR', operator: refused })
        return
      }
      const margins = await bounding
      const settings = { norm: 'linf', domain: 'intersect', points: 200 } as const
      const sampled = await sampledMargins(model, inputs, labels, [epsilon, epsilon], settings, random)
      margins.forEach((margin, index) => {
        expect(margin).toBeGreaterThan(Number.NEGATIVE_INFINITY)
        expect(margin).toBeLessThanOrEqual(sampled[index])
      })
    } finally {
      await model.close()
    }
  },
)

// Loading compares the parts with a run of the operator itself.
test.for(Object.entries(cases))(
  '%s has the gradient of finite differences',
  async ([, { features, opset = 18, build }]) => {
    const random = randomSource(seed)
    const builder = new GraphBuilder(opset)
    builder.output('output', build(builder, builder.input('input', 'float32', ['batch', ...features]), random))
    const model = await loadRegressor(encodeModel(builder.build()), { domain: [-9, 9] })
    try {
      const shape = [2, ...features]
      const normal = () => Float32Array.from({ length: elementCount(shape) }, () => random.normal())
      const [data, direction] = [normal(), normal()]
      const slopes = await directionalDerivative(model, { data, shape }, Float64Array.from(direction))
      const tangents = await model.jvp({ data, shape }, direction)
      const scale = Math.max(...slopes.map(Math.abs))
      slopes.forEach((slope, index) => expect(Math.abs(tangents[index] - slope)).toBeLessThan(1e-4 * scale + 1e-5))
      const cotangents = Float32Array.from(slopes, () => random.normal())
      const gradient = await model.vjp({ data, shape }, cotangents)
      const dot = (left: Float32Array, right: ArrayLike<number>) =>
        left.reduce((sum, value, index) => sum + value * right[index], 0)
      const size = Math.hypot(...direction) * Math.hypot(...gradient)
      expect(Math.abs(dot(direction, gradient) - dot(cotangents, slopes))).toBeLessThan(1e-5 * size + 1e-5)
    } finally {
      await model.close()
    }
  },
)

test('a Celu with a negative alpha has no parts: the model predicts, and is analysed no further', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  builder.output('logits', builder.add('Celu', [input], { alpha: float(-1) }))
  const model = await loadModel(encodeModel(builder.build()), { domain: [-1, 1] })
  const inputs = { data: Float32Array.of(-0.5, 0.5), shape: [1, 2] }
  const [low, high] = await model.predict(inputs)
  expect(low).toBeCloseTo(1 - Math.exp(0.5), 6)
  expect(high).toBe(0.5)
  const refusal = { code: 'UNSUPPORTED_OPERATOR', operator: 'Celu' }
  await expect(model.inputGradient(inputs, [1], 'margin')).rejects.toMatchObject(refusal)
  await expect(marginBounds(model, crown({ norm: 'linf' }), { inputs, epsilon: 0.1 })).rejects.toMatchObject(refusal)
  await model.close()
})

test.for(['an activation', 'a constant'])('ScatterND writes %s over a sample that is alone', async (what) => {
  const random = randomSource(seed)
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', [1, 3, 4])
  // As PyTorch has it: the sample, then the row.
  const rows = builder.constant({ type: 'int64', shape: [1, 2, 2], data: BigInt64Array.of(0n, 2n, 0n, -3n) })
  const slice = builder.add('Slice', [input, ...[[1], [3], [1]].map((values) => builder.ints(values))])
  const updates = what === 'a constant' ? normals(builder, random, [1, 2, 4]) : slice
  const written = builder.add('ScatterND', [builder.add('Tanh', [input]), rows, updates])
  builder.output('logits', builder.add('Flatten', [written]))
  const model = await loadModel(encodeModel(builder.build()), { domain: [-9, 9] })
  const data = Float32Array.from({ length: 12 }, () => random.normal())
  const inputs = { data, shape: [1, 3, 4] }
  const tanh = Array.from(data, Math.tanh)
  const expected = what === 'a constant' ? undefined : [...data.slice(8), ...tanh.slice(4, 8), ...data.slice(4, 8)]
  const logits = Array.from(await model.predict(inputs))
  expected?.forEach((value, index) => expect(logits[index]).toBeCloseTo(value, 5))
  // Logit 4 is of the row that nothing is written over, logit 0 is written.
  const slopes = Array.from(await model.inputGradient(inputs, [4], 'logit'))
  slopes.forEach((slope, index) => expect(slope).toBeCloseTo(index === 4 ? 1 - tanh[4] ** 2 : 0, 5))
  const written0 = Array.from(await model.inputGradient(inputs, [0], 'logit'))
  expect(written0.map(Boolean)).toEqual(Array.from(data, (_, index) => what !== 'a constant' && index === 8))
  const [margins] = await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels: [4], epsilon: 0.01 })
  expect(margins).toBeLessThanOrEqual(logits[4] - logits[0])
  expect(margins).toBeGreaterThan(logits[4] - logits[0] - 0.05)
  await model.close()
})

test('an LSTM whose input and forget gates are coupled has no parts', async () => {
  const builder = new GraphBuilder(18)
  const build = recurrent('LSTM', 4, 1, { input_forget: 1 })
  builder.output('logits', build(builder, builder.input('input', 'float32', ['batch', 2, 2]), randomSource(seed)))
  const model = await loadModel(encodeModel(builder.build()), { domain: [-1, 1] })
  const gradient = model.inputGradient({ data: new Float32Array(4), shape: [1, 2, 2] }, [1], 'margin')
  await expect(gradient).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR' })
  await model.close()
})
