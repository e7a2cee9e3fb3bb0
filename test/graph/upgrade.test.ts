import { expect, test } from 'vitest'
import { crown } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { type AttributeValue, float, GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'

/** A model in an old opset, with operators in the form they had then; loading compares it with the untouched file. */
function oldModel(
  opset: number,
  featureShape: readonly number[],
  body: (builder: GraphBuilder, input: string) => string,
): Uint8Array {
  const builder = new GraphBuilder(opset)
  const value = body(builder, builder.input('input', 'float32', ['batch', ...featureShape]))
  builder.output('logits', value)
  return encodeModel(builder.build())
}

const attributes =
  (operator: string, settings: Record<string, AttributeValue>) => (builder: GraphBuilder, input: string) =>
    builder.add(operator, [input], settings)

/** Under a name, as exporters write nodes. */
const flattened =
  (operator: string, settings: Record<string, AttributeValue>) => (builder: GraphBuilder, input: string) => {
    const normalized = builder.fresh()
    builder.node({
      operator,
      name: `${operator}_1`,
      domain: '',
      inputs: [input],
      outputs: [normalized],
      attributes: new Map(
        Object.entries(settings).map(([name, value]) => [name, { kind: 'int', value: Number(value) }]),
      ),
    })
    return builder.add('Flatten', [normalized])
  }

test.each<[string, number, readonly number[], (builder: GraphBuilder, input: string) => string]>([
  ['Clip with bounds as attributes', 9, [3], attributes('Clip', { min: float(0.25), max: float(0.5) })],
  ['Clip with one bound', 9, [3], attributes('Clip', { max: float(0.5) })],
  ['Pad with attributes', 9, [3], attributes('Pad', { pads: [0, 1, 0, 2], value: float(7) })],
  ['Slice with attributes', 9, [4], attributes('Slice', { starts: [1], ends: [2 ** 40], axes: [1] })],
  ['Slice without axes', 9, [4], attributes('Slice', { starts: [0, 1], ends: [1000, 3] })],
  ['Squeeze with an attribute', 9, [1, 3], attributes('Squeeze', { axes: [1] })],
  ['ReduceMean with an attribute', 9, [3, 4], attributes('ReduceMean', { axes: [2], keepdims: 0 })],
  ['ReduceSum with an attribute', 9, [3, 4], attributes('ReduceSum', { axes: [1], keepdims: 0 })],
  ['ReduceMax of opset 13', 13, [3, 4], attributes('ReduceMax', { axes: [1], keepdims: 0 })],
  ['Softmax with its old default axis', 9, [3], attributes('Softmax', {})],
  ['Softmax over all axes but the batch', 9, [2, 3], flattened('Softmax', {})],
  ['Softmax over the last two of three axes', 11, [2, 2, 3], flattened('Softmax', { axis: 2 })],
  ['LogSoftmax over axes counted from the end', 12, [2, 2, 3], flattened('LogSoftmax', { axis: -2 })],
  ['Softmax over the last axis, counted from the start', 7, [2, 2, 3], flattened('Softmax', { axis: 3 })],
  ['Hardmax over two axes', 11, [2, 3], flattened('Hardmax', { axis: 1 })],
  [
    'Upsample of opset 9',
    9,
    [1, 2, 3],
    (builder, input) => {
      const doubled = builder.add('Upsample', [input, builder.floats([1, 1, 2, 2])], { mode: 'nearest' })
      return builder.add('Flatten', [doubled])
    },
  ],
  [
    'linear Resize of opset 10',
    10,
    [1, 2, 3],
    (builder, input) =>
      builder.add('Flatten', [builder.add('Resize', [input, builder.floats([1, 1, 2, 2])], { mode: 'linear' })]),
  ],
  ['Dropout', 9, [3], attributes('Dropout', { ratio: float(0.5) })],
  [
    'Split in two equal parts',
    13,
    [4],
    (builder, input) => {
      const [left, right] = builder.addMany('Split', [input], 2, { axis: 1 })
      return builder.add('Sub', [left, right])
    },
  ],
  [
    'Split with sizes as an attribute',
    9,
    [5],
    (builder, input) => {
      const [left, right] = builder.addMany('Split', [input], 2, { axis: 1, split: [2, 3] })
      return builder.add('Concat', [right, left], { axis: 1 })
    },
  ],
  [
    'Unsqueeze and Flatten',
    9,
    [2, 2],
    (builder, input) => builder.add('Flatten', [builder.add('Unsqueeze', [input], { axes: [1] })]),
  ],
  [
    'Constant nodes',
    9,
    [2],
    (builder, input) => {
      const constant = builder.add('Constant', [], {
        value: { kind: 'tensor', value: { type: 'float32', shape: [2], data: Float32Array.of(2, 3) } },
      })
      return builder.add('Mul', [input, constant])
    },
  ],
  [
    'shapes computed from the input',
    11,
    [2, 3],
    (builder, input) => {
      const batch = builder.add('Gather', [builder.add('Shape', [input]), builder.ints([0])], { axis: 0 })
      return builder.add('Reshape', [input, builder.add('Concat', [batch, builder.ints([-1])], { axis: 0 })])
    },
  ],
])('%s', async (_, opset, featureShape, body) => {
  const model = await loadModel(oldModel(opset, featureShape, body), { domain: [0, 1] })
  expect(model.description.opset).toBe(opset)
  expect(model.description.fidelity).toBeLessThan(1e-6)
  await model.close()
})

test('gradients and bounds are those of the old Softmax, which normalises over several axes together', async () => {
  const body = (builder: GraphBuilder, input: string, axis: number) => {
    const shares = builder.add('Softmax', [builder.add('Mul', [input, builder.scalar(3)])], { axis })
    const weights = builder.floats([1, 2, -1, 0.5, -2, 1, 1, 3, 0, 1, -1, 2], [6, 2])
    return builder.add('MatMul', [builder.add('Flatten', [shares]), weights])
  }
  const flat = (builder: GraphBuilder, input: string) => body(builder, builder.add('Flatten', [input]), -1)
  const inputs = { data: Float32Array.of(0.1, 0.9, 0.3, 0.7, 0.2, 0.5), shape: [1, 2, 3] }
  const results: { gradient: number[]; margins: number[] }[] = []
  for (const bytes of [oldModel(9, [2, 3], (builder, input) => body(builder, input, 1)), oldModel(13, [2, 3], flat)]) {
    const model = await loadModel(bytes, { domain: [0, 1] })
    const gradient = Array.from(await model.inputGradient(inputs, [0], 'margin'))
    results.push({
      gradient,
      margins: Array.from(await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels: [0], epsilon: 0.01 })),
    })
    await model.close()
  }
  const [old, spelledOut] = results
  expect(old.gradient.some((slope) => Math.abs(slope) > 0.1)).toBe(true)
  old.gradient.forEach((slope, index) => expect(slope).toBeCloseTo(spelledOut.gradient[index], 6))
  old.margins.forEach((margin, index) => expect(margin).toBeCloseTo(spelledOut.margins[index], 5))
})

test('BatchNormalization in training mode is refused', async () => {
  const model = oldModel(
    14,
    [2, 2],
    (builder, input) =>
      builder.addMany(
        'BatchNormalization',
        [input, ...[1, 0, 0, 1].map((value) => builder.floats([value, value]))],
        3,
        { training_mode: 1 },
      )[0],
  )
  await expect(loadModel(model, { domain: [0, 1] })).rejects.toThrow('is in training mode')
})

test('an If that asks for a size that is known becomes its branch, with what it takes from around it', async () => {
  const builder = new GraphBuilder(12)
  const input = builder.input('input', 'float32', ['batch', 1, 3])
  const scaled = builder.add('Mul', [input, builder.scalar(2)])
  const size = builder.add('Gather', [builder.add('Shape', [scaled]), builder.ints([1])])
  const condition = builder.add('Equal', [size, builder.ints([1])])
  const branch = (make: (body: GraphBuilder) => string) => {
    const body = builder.body()
    body.output('branch', make(body))
    return body.build()
  }
  builder.output(
    'logits',
    builder.add('If', [condition], {
      then_branch: branch((body) => body.add('Squeeze', [scaled], { axes: [1] })),
      else_branch: branch((body) => body.add('Identity', [scaled])),
    }),
  )
  const model = await loadModel(encodeModel(builder.build()), { domain: [0, 3] })
  const inputs = { data: Float32Array.of(1, 2, 3), shape: [1, 1, 3] }
  expect(Array.from(await model.predict(inputs))).toEqual([2, 4, 6])
  expect(Array.from(await model.inputGradient(inputs, [1], 'logit'))).toEqual([0, 2, 0])
  await model.close()
})
