import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import {
  attack,
  bound,
  crown,
  type FixedInput,
  intervalPropagation,
  loadTfjsModel,
  ModelError,
  NoGradientError,
  NoGraphError,
  pgd,
  rayS,
  SettingsError,
} from '../../src/index.js'
import { gradientError, gradientTolerance } from '../../src/model/check-gradient.js'
import { reasonForOpacity } from '../../src/model/hosted-graph.js'
import { TfjsGraphBuilder } from './graph-builder.js'
import { lenetGraph, lenetLayers, lenetWeights } from './lenet.js'

const { layers } = tf
const folder = mkdtempSync(join(tmpdir(), 'unfooled-tfjs-'))
const domain = [0, 1] as const

beforeAll(async () => {
  await tf.setBackend('cpu')
})
afterEach(() => tf.disposeVariables())
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await engine.close()
})

/** Writes a model.json and the file of its weights, as `tensorflowjs_converter` does. */
function store(
  name: string,
  { weightData, weightSpecs, ...artifacts }: tf.io.ModelArtifacts,
  changes: object = {},
): string {
  mkdirSync(join(folder, name))
  const parts = Array.isArray(weightData) ? weightData : [weightData!]
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)))
  // Two files, cut in the middle of a tensor.
  writeFileSync(join(folder, name, 'group1-shard1of2.bin'), bytes.subarray(0, 10))
  writeFileSync(join(folder, name, 'group1-shard2of2.bin'), bytes.subarray(10))
  const paths = ['group1-shard1of2.bin', 'group1-shard2of2.bin']
  const path = join(folder, name, 'model.json')
  writeFileSync(path, JSON.stringify({ ...artifacts, weightsManifest: [{ paths, weights: weightSpecs }], ...changes }))
  return path
}

async function artifactsOf(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let found: tf.io.ModelArtifacts = {}
  const info = { dateSaved: new Date(), modelTopologyType: 'JSON' as const }
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      found = artifacts
      return { modelArtifactsInfo: info }
    }),
  )
  return found
}

const dense = (units: number, activation: 'softmax' | 'sigmoid' | 'linear' = 'linear', inputShape = [4]) =>
  tf.sequential({ name: 'dense', layers: [layers.dense({ inputShape, units, activation })] })
const inputs = { data: Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.9, 0.8, 0.7, 0.6), shape: [2, 4] }

test('a layers model and a graph model from their files, by the TensorFlow.js that is installed', async () => {
  const weights = await lenetWeights()
  const before = tf.memory().numTensors
  const native = lenetLayers(tf, weights, 'softmax')
  const paths = [store('layers', await artifactsOf(native)), store('graph', lenetGraph(weights, true))]
  native.dispose()
  const image = { data: Float32Array.from({ length: 784 }, (_, index) => (index % 7) / 7), shape: [1, 28, 28, 1] }
  const [first, second] = await Promise.all(paths.map((path) => loadTfjsModel(path, { domain })))
  expect(first.description).toMatchObject({ name: 'layers', warnings: [], device: 'tfjs cpu', parameters: 38_018 - 60 })
  expect(second.description).toMatchObject({ name: 'graph', warnings: [], operators: { MaxPool: 2, Softmax: 1 } })
  const [logits, others] = [await first.predict(image), await second.predict(image)]
  logits.forEach((logit, index) => expect(others[index]).toBeCloseTo(logit, 3))
  // They are logits, not probabilities.
  expect(Math.min(...logits)).toBeLessThan(0)
  await first.close()
  await second.close()
  await second.close()
  expect(tf.memory().numTensors).toBe(before)
})

test('a graph model that does not say its shape is told', async () => {
  const artifacts = lenetGraph(await lenetWeights())
  const { node } = artifacts.modelTopology as { node: { name: string; attr: object }[] }
  node.find(({ name }) => name === 'x')!.attr = { dtype: { type: 'DT_FLOAT' } }
  const native = await tf.loadGraphModel(tf.io.fromMemory({ ...artifacts, signature: undefined }))
  await expect(loadTfjsModel(native, { tf, domain })).rejects.toThrow(/leaves sizes open/)
  const model = await loadTfjsModel(native, { tf, domain, featureShape: [28, 28, 1] })
  expect(model.classes).toBe(10)
  await model.close()
  native.dispose()
})

test('the hash is that of topology and weights', async () => {
  const one = dense(3)
  const two = dense(3)
  const [first, again, other] = [
    await loadTfjsModel(one, { tf, domain }),
    await loadTfjsModel(one, { tf, domain }),
    await loadTfjsModel(two, { tf, domain }),
  ]
  expect(first.description.sha256).toBe(again.description.sha256)
  expect(first.description.sha256).not.toBe(other.description.sha256)
})

test('a softmax is seen through, whether it is an activation or a layer of its own', async () => {
  const plain = dense(3)
  const kernel = plain.getWeights()
  for (const last of [[], [layers.activation({ activation: 'softmax' })], [layers.softmax()]]) {
    const native = tf.sequential({
      layers: [
        layers.dense({ inputShape: [4], units: 3, activation: last.length > 0 ? 'linear' : 'softmax' }),
        ...last,
      ],
    })
    native.setWeights(kernel)
    const model = await loadTfjsModel(native, { tf, domain })
    const expected = (plain.predict(tf.tensor(inputs.data, [2, 4])) as tf.Tensor).dataSync()
    expect(await model.predict(inputs)).toEqual(Float32Array.from(expected))
    expect(model.description.warnings).toEqual([])
  }
})

test('a softmax is seen through where it is reshaped into a row afterwards, as in MobileNet', async () => {
  const input = tf.input({ shape: [4, 4, 2] })
  const body = [
    layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', useBias: false }),
    layers.batchNormalization(),
    layers.reLU({ maxValue: 6 }),
    layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false }),
    layers.globalAveragePooling2d({}),
    layers.reshape({ targetShape: [1, 1, 4] }),
    layers.dropout({ rate: 0.001 }),
    layers.conv2d({ filters: 3, kernelSize: 1, name: 'conv_preds' }),
  ]
  const logits = body.reduce((value, layer) => layer.apply(value) as tf.SymbolicTensor, input)
  const softmax = layers.activation({ activation: 'softmax' }).apply(logits)
  const output = layers.reshape({ targetShape: [3] }).apply(softmax) as tf.SymbolicTensor
  const model = await loadTfjsModel(tf.model({ inputs: input, outputs: output }), { tf, domain })
  expect(model.description.warnings).toEqual([])
  const pixels = image([4, 4, 2])
  const expected = tf
    .model({ inputs: input, outputs: logits })
    .predict(tf.tensor(pixels.data, [1, 4, 4, 2])) as tf.Tensor
  expect(await model.predict(pixels)).toEqual(Float32Array.from(expected.dataSync()))
  const { samples } = await bound(model, crown({ norm: 'linf' }), { inputs: pixels })
  expect(samples[0].radius).toBeGreaterThan(0)
})

test('a single score becomes two logits, with or without a sigmoid', async () => {
  const native = dense(1, 'sigmoid')
  native.setWeights([tf.tensor([1, 2, -1, 0], [4, 1]), tf.tensor([-0.1])])
  const linear = dense(1)
  linear.setWeights(native.getWeights())
  for (const model of [await loadTfjsModel(native, { tf, domain }), await loadTfjsModel(linear, { tf, domain })]) {
    const logits = await model.predict(inputs)
    ;[0, 0.1, 0, 1.7].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 5))
    const { samples } = await attack(model, pgd({ epsilon: 0.1 }), { inputs, seed: 1 })
    expect(samples.map(({ fooled }) => fooled)).toEqual([true, false])
    const margin = (await bound(model, crown({ norm: 'linf' }), { inputs })).samples
    // |0.1| and |1.7| over the ℓ1 norm of the weights, 4.
    expect(margin[0].radius).toBeCloseTo(0.025, 3)
  }
})

test('a softmax is seen through at the end of models in models', async () => {
  const head = tf.sequential({ layers: [layers.dense({ inputShape: [4], units: 3, activation: 'softmax' })] })
  const input = tf.input({ shape: [4] })
  const middle = layers.activation({ activation: 'tanh', name: 'bend' }).apply(input) as tf.SymbolicTensor
  const inner = tf.model({ inputs: input, outputs: head.apply(middle) as tf.SymbolicTensor })
  const outer = tf.input({ shape: [2, 2] })
  const flat = layers.flatten().apply(outer) as tf.SymbolicTensor
  const natives = [
    tf.model({ inputs: outer, outputs: inner.apply(flat) as tf.SymbolicTensor }),
    tf.sequential({ layers: [layers.flatten({ inputShape: [2, 2] }), head] }),
  ]
  const squares = { ...inputs, shape: [2, 2, 2] }
  for (const native of natives) {
    const [before, stored] = [tf.memory().numTensors, native.toJSON()]
    const model = await loadTfjsModel(native, { tf, domain })
    expect(native.toJSON()).toEqual(stored)
    expect(model.description.warnings).toEqual([])
    expect(reasonForOpacity(model.graph)).toBeUndefined()
    const logits = tf.tensor(await model.predict(squares), [2, 3])
    const expected = (native.predict(tf.tensor(squares.data, [2, 2, 2])) as tf.Tensor).dataSync()
    tf.softmax(logits)
      .dataSync()
      .forEach((probability, index) => expect(probability).toBeCloseTo(expected[index], 6))
    expect(await gradientError(model)).toBeLessThanOrEqual(gradientTolerance)
    await model.close()
    // Those of this test.
    expect(tf.memory().numTensors - before).toBe(4)
  }
})

test('probabilities that cannot be seen through are warned of', async () => {
  const input = tf.input({ shape: [4] })
  const softmax = layers.dense({ units: 3, activation: 'softmax' }).apply(input)
  const native = tf.model({
    inputs: input,
    outputs: layers.leakyReLU({ alpha: 0.5 }).apply(softmax) as tf.SymbolicTensor,
  })
  const { description } = await loadTfjsModel(native, { tf, domain })
  expect(description.warnings).toEqual([expect.stringContaining('looks like probabilities')])
})

test('a single probability is seen through with axes of size 1 besides, and warned of where it cannot be', async () => {
  const patch = (...more: tf.layers.Layer[]) =>
    tf.sequential({ layers: [layers.conv2d({ inputShape: [2, 2, 1], filters: 1, kernelSize: 2 }), ...more] })
  const weights = [tf.tensor([1, 2, -1, 0], [2, 2, 1, 1]), tf.tensor([-0.1])]
  const input = tf.input({ shape: [2, 2, 1] })
  const whole = patch(layers.flatten(), layers.activation({ activation: 'sigmoid' }))
  const nested = tf.model({ inputs: input, outputs: whole.apply(input) as tf.SymbolicTensor })
  const pooled = patch(layers.activation({ activation: 'sigmoid' }), layers.globalAveragePooling2d({}))
  const natives: [tf.LayersModel, boolean][] = [
    [patch(layers.activation({ activation: 'sigmoid' })), true],
    [patch(layers.activation({ activation: 'sigmoid' }), layers.flatten()), true],
    [nested, true],
    [pooled, false],
  ]
  for (const [native, isSeenThrough] of natives) {
    native.setWeights(weights)
    const model = await loadTfjsModel(native, { tf, domain })
    expect(reasonForOpacity(model.graph)).toBeUndefined()
    const logits = await model.predict({ ...inputs, shape: [2, 2, 2, 1] })
    const scores = [0.1, 1.7].map((score) => (isSeenThrough ? score : 1 / (1 + Math.exp(-score))))
    ;[0, scores[0], 0, scores[1]].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 5))
    expect(model.description.warnings).toEqual(
      isSeenThrough ? [] : [expect.stringContaining('class 1 is predicted wherever it is above 0')],
    )
  }
})

test('a single probability of a graph model that cannot be seen through is warned of', async () => {
  const graph = new TfjsGraphBuilder([4])
  const score = graph.add('MatMul', ['x', graph.floats([1, 2, -1, 0], [4, 1])])
  const probability = graph.add('Mean', [graph.add('Sigmoid', [score]), graph.ints([1])], { keep_dims: false })
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(probability)))
  const model = await loadTfjsModel(native, { tf, domain })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  expect(model.description.warnings).toEqual([expect.stringContaining('as a probability does')])
})

test('preprocessing comes before the network, in both of its forms', async () => {
  const native = dense(3)
  const plain = await loadTfjsModel(native, { tf, domain })
  const model = await loadTfjsModel(native, { tf, domain, preprocessing: { mean: 0.5, std: 0.25 } })
  const normalised = inputs.data.map((value) => (value - 0.5) / 0.25)
  const wide = await loadTfjsModel(native, { tf, domain: [-2, 2] })
  expect(await model.predict(inputs)).toEqual(await wide.predict({ data: normalised, shape: [2, 4] }))
  const gradient = await model.inputGradient(inputs, [0, 1], 'logit')
  expect(gradient).toEqual((await plain.inputGradient(inputs, [0, 1], 'logit')).map((entry) => entry * 4))
})

test('open sizes are given, one sample at a time is obeyed, an output is chosen', async () => {
  const open = tf.sequential({
    layers: [
      layers.conv2d({ inputShape: [null as never, null as never, 2], filters: 3, kernelSize: 3 }),
      layers.globalAveragePooling2d({}),
      layers.dense({ units: 3 }),
    ],
  })
  await expect(loadTfjsModel(open, { tf, domain })).rejects.toThrow(/leaves sizes open: \[\?, \?, \?, 2\]/)
  await expect(loadTfjsModel(open, { tf, domain, featureShape: [5, 5, 3] })).rejects.toThrow(/contradicts/)
  const model = await loadTfjsModel(open, { tf, domain, featureShape: [5, 5, 2] })
  // The layers do not say their sizes, so there is no translation.
  await expect(bound(model, intervalPropagation({ norm: 'linf' }), { inputs: image([5, 5, 2]) })).rejects.toThrow(
    NoGraphError,
  )
  expect((await attack(model, pgd({ epsilon: 1 }), { inputs: image([5, 5, 2]), seed: 1 })).eligible).toBe(1)

  const single = tf.sequential({ layers: [layers.dense({ batchInputShape: [1, 4], units: 3 })] })
  const alone = await loadTfjsModel(single, { tf, domain })
  expect((await alone.predict(inputs)).length).toBe(6)

  const input = tf.input({ shape: [4] })
  const heads = ['first', 'second'].map(
    (name, index) => layers.dense({ units: index + 2, name }).apply(input) as tf.SymbolicTensor,
  )
  const several = tf.model({ inputs: input, outputs: heads })
  expect((await loadTfjsModel(several, { tf, domain })).classes).toBe(2)
  expect((await loadTfjsModel(several, { tf, domain, output: 'second' })).classes).toBe(3)
  await expect(loadTfjsModel(several, { tf, domain, output: 'third' })).rejects.toThrow(
    /no output layer "third"; it has "first", "second"/,
  )
})

test('the other inputs of a layers model are fixed', async () => {
  const ends = [tf.input({ shape: [2], name: 'state' }), tf.input({ shape: [4], name: 'x' })]
  const joined = layers.concatenate().apply(ends) as tf.SymbolicTensor
  const native = tf.model({ inputs: ends, outputs: layers.dense({ units: 2 }).apply(joined) as tf.SymbolicTensor })
  native.setWeights([tf.tensor([1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, -1], [6, 2]), tf.tensor([0, 0.5])])
  const state = { data: [1, 2], shape: [1, 2] }
  const before = tf.memory().numTensors
  const model = await loadTfjsModel(native, { tf, domain, fixedInputs: { state } })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  // 1 + x₀ and 2.5 − x₃.
  const logits = await model.predict(inputs)
  ;[1.1, 2.1, 1.9, 1.9].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 6))
  expect(Array.from(await model.inputGradient(inputs, [0, 0], 'logit'))).toEqual([1, 0, 0, 0, 1, 0, 0, 0])
  const { samples } = await bound(model, crown({ norm: 'linf' }), { inputs })
  expect(samples[0].radius).toBeCloseTo(0.5, 4)
  await model.close()
  expect(tf.memory().numTensors).toBe(before)

  const zeros = await loadTfjsModel(native, { tf, domain, fixedInputs: { state: 0 } })
  expect((await zeros.predict(inputs))[0]).toBeCloseTo(0.1, 6)
  const wrong: Record<string, FixedInput>[] = [{ state, stat: 0 }, { state: { data: [1], shape: [1, 1] } }]
  for (const fixedInputs of wrong) {
    await expect(loadTfjsModel(native, { tf, domain, fixedInputs })).rejects.toThrow(SettingsError)
  }
})

test('a graph that was made for one sample is given one at a time, also where it takes several', async () => {
  const identity = Float32Array.from({ length: 16 }, (_, index) => (index % 5 === 0 ? 1 : 0))
  const graphs: ((graph: TfjsGraphBuilder) => string)[] = [
    // It looks at the first sample only, and gives fewer outputs than there are samples.
    (graph) => graph.add('Slice', ['x', graph.ints([0, 0]), graph.ints([1, 4])]),
    // As many outputs as there are samples, of which only the first is right.
    (graph) => {
      const first = graph.add('Slice', ['x', graph.ints([0, 0]), graph.ints([1, 4])])
      return graph.add('AddV2', [graph.add('Sub', ['x', 'x']), first])
    },
  ]
  for (const build of graphs) {
    const graph = new TfjsGraphBuilder([4])
    const output = graph.add('MatMul', [build(graph), graph.floats(identity, [4, 4])])
    const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(output)))
    const model = await loadTfjsModel(native, { tf, domain })
    const logits = await model.predict(inputs)
    inputs.data.forEach((value, index) => expect(logits[index]).toBeCloseTo(value, 6))
    await model.close()
  }
})

test('a fixed input for one sample only leaves the samples one at a time', async () => {
  const graph = new TfjsGraphBuilder([4])
  const joined = graph.add('ConcatV2', ['x', graph.input('state', [1, 2]), graph.ints([1], [])], { N: 2 })
  const weights = graph.floats([1, 0, 0, 0, 0, 0, 0, -1, 1, 0, 0, 1], [6, 2])
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(graph.add('MatMul', [joined, weights]))))
  const model = await loadTfjsModel(native, { tf, domain, fixedInputs: { state: { data: [1, 2], shape: [1, 2] } } })
  const logits = await model.predict(inputs)
  ;[1.1, 1.6, 1.9, 1.4].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 6))
  expect(Array.from(await model.inputGradient(inputs, [1, 0], 'logit'))).toEqual([0, 0, 0, -1, 1, 0, 0, 0])
  await model.close()
})

test('the other inputs of a graph model are fixed, with a batch or without', async () => {
  const graph = new TfjsGraphBuilder([4])
  const [rate, offset] = [graph.input('rate', []), graph.input('offset', [-1, 2])]
  const product = graph.add('MatMul', ['x', graph.floats([1, 0, 0, 0, 0, 0, 0, 1], [4, 2])])
  const output = graph.add('AddV2', [graph.add('Mul', [product, graph.add('Neg', [rate])]), offset])
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(output)))
  await expect(loadTfjsModel(native, { tf, domain, fixedInputs: { rate: 2 } })).rejects.toThrow(
    'one of them is tested. Say what the others get, as in { fixedInputs: { "offset": 0 } }',
  )
  const fixedInputs = { rate: 2, offset: { data: [0.5, 1], shape: [1, 2] } }
  const before = tf.memory().numTensors
  const model = await loadTfjsModel(native, { tf, domain, fixedInputs })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  // 0.5 − 2·x₀ and 1 − 2·x₃.
  const logits = await model.predict(inputs)
  ;[0.3, 0.2, -1.3, -0.2].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 6))
  expect(Array.from(await model.inputGradient(inputs, [1, 1], 'logit'))).toEqual([0, 0, 0, -2, 0, 0, 0, -2])
  await model.close()
  expect(tf.memory().numTensors).toBe(before)
})

test('a mask of whole numbers is fixed, and chooses', async () => {
  const graph = new TfjsGraphBuilder([4])
  const mask = graph.input('mask', [-1, 4], 'DT_INT32')
  const chosen = graph.add('Greater', [mask, graph.ints([0], [])], { T: 'DT_INT32' })
  const weight = graph.add('Cast', [mask], { SrcT: 'DT_INT32', DstT: 'DT_FLOAT' })
  const weighted = graph.add('Mul', ['x', weight])
  const output = graph.add('SelectV2', [chosen, weighted, graph.add('Neg', ['x'])])
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(output)))
  const fixedInputs = { mask: { data: [0, 1, 2, 0], shape: [1, 4] } }
  const model = await loadTfjsModel(native, { tf, domain, fixedInputs })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  const logits = await model.predict(inputs)
  ;[-0.1, 0.2, 0.6, -0.4, -0.9, 0.8, 1.4, -0.6].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 6))
  expect(Array.from(await model.inputGradient(inputs, [2, 0], 'logit'))).toEqual([0, 0, 2, 0, -1, 0, 0, 0])
  await model.close()
})

test('weights in fewer bits and in groups of their own', async () => {
  const graph = new TfjsGraphBuilder([4])
  const shapes = [[4, 3], [3], [3]]
  const [matrix, bias, offset] = shapes.map((shape) =>
    graph.floats(new Float32Array(12).subarray(-shape[0] * (shape[1] ?? 1)), shape),
  )
  const product = graph.add('BiasAdd', [graph.add('MatMul', ['x', matrix]), bias])
  const { weightSpecs = [], ...artifacts } = graph.build(graph.add('AddV2', [product, offset]))
  const quantised = [
    { dtype: 'uint8', scale: 0.1, min: -1 },
    { dtype: 'uint16', scale: 0.001, min: -2 },
    { dtype: 'float16', original_dtype: 'float32' },
  ]
  const weights = weightSpecs.map((spec, index) => ({ ...spec, quantization: quantised[index] }))
  const bytes = [
    Uint8Array.from({ length: 12 }, (_, index) => index + 1),
    new Uint8Array(Uint16Array.of(1000, 2000, 3000).buffer),
    // 1, 2 and -2.
    new Uint8Array(Uint16Array.of(0x3c00, 0x4000, 0xc000).buffer),
  ]
  const weightData = Uint8Array.from(bytes.flatMap((part) => [...part])).buffer
  const [first, second] = ['group1-shard1of2.bin', 'group1-shard2of2.bin']
  const path = store(
    'quantised',
    { ...artifacts, weightData },
    {
      weightsManifest: [
        { paths: [first, second], weights: weights.slice(0, 2) },
        { paths: ['group2-shard1of1.bin'], weights: weights.slice(2) },
      ],
    },
  )
  writeFileSync(join(folder, 'quantised', second), Buffer.concat(bytes).subarray(10, 18))
  writeFileSync(join(folder, 'quantised', 'group2-shard1of1.bin'), bytes[2])
  const model = await loadTfjsModel(path, { tf, domain })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  const logits = await model.predict({ data: Float32Array.of(1, 0, 0, 0), shape: [1, 4] })
  ;[-0.9, 1.2, -1.7].forEach((logit, index) => expect(logits[index]).toBeCloseTo(logit, 5))
  await model.close()
})

function image(shape: readonly number[]) {
  const size = shape.reduce((product, length) => product * length, 1)
  return { data: new Float32Array(size).fill(0.5), shape: [1, ...shape] }
}

test('a layer without a translation is named where a bound needs it, and attacks work', async () => {
  const native = tf.sequential({
    layers: [
      layers.reshape({ inputShape: [4], targetShape: [2, 2] }),
      layers.simpleRNN({ units: 4, name: 'memory' }),
      layers.dense({ units: 3 }),
    ],
  })
  const model = await loadTfjsModel(native, { tf, domain })
  await expect(bound(model, crown({ norm: 'linf' }), { inputs })).rejects.toThrow(
    /crown needs the operators of the model, and .* does not show them: its layer "memory" \(SimpleRNN\) has no translation to ONNX\. Attacks that need no operators still work/,
  )
  expect((await attack(model, pgd({ epsilon: 0.9 }), { inputs, seed: 1 })).eligible).toBe(2)
})

test('a layer that TensorFlow.js rounds otherwise than its translation has gradients and estimates, but no proof', async () => {
  for (const [layer, operator] of [
    [layers.layerNormalization({ inputShape: [4], name: 'norm' } as never), 'LayerNormalization'],
    [layers.dense({ inputShape: [4], units: 4, activation: 'gelu' as 'elu', name: 'norm' }), 'gelu'],
  ] as const) {
    const model = await loadTfjsModel(tf.sequential({ layers: [layer, layers.dense({ units: 3 })] }), { tf, domain })
    await expect(bound(model, crown({ norm: 'linf' }), { inputs })).rejects.toThrow(
      `No bound rule for operator ${operator} (node "norm")`,
    )
    const estimate = await bound(model, crown({ norm: 'linf', rounding: 'ignored' }), { inputs })
    expect(estimate.samples[0].radius).toBeGreaterThan(0)
    expect((await attack(model, pgd({ epsilon: 0.9 }), { inputs, seed: 1 })).eligible).toBe(2)
  }
})

test('what TensorFlow.js cannot differentiate, or differentiates wrongly, leaves the attacks without gradients', async () => {
  const broken = {
    Greater: [layers.thresholdedReLU({ inputShape: [4], theta: 0.2 } as never)],
    'finite differences': [
      layers.reshape({ inputShape: [4], targetShape: [2, 2, 1] }),
      layers.averagePooling2d({ poolSize: 2, strides: 1, padding: 'same' }),
      layers.flatten(),
      layers.repeatVector({ n: 1 }),
      layers.flatten(),
    ],
  }
  for (const [reason, beginning] of Object.entries(broken)) {
    const model = await loadTfjsModel(tf.sequential({ layers: [...beginning, layers.dense({ units: 3 })] }), {
      tf,
      domain,
    })
    const refused = attack(model, pgd({ epsilon: 0.1 }), { inputs })
    await expect(refused).rejects.toThrow(NoGradientError)
    await expect(refused).rejects.toThrow(new RegExp(`backend cpu .*${reason}`))
    expect((await attack(model, rayS({ queries: 50 }), { inputs, seed: 1 })).eligible).toBe(2)
  }
})

const wrong: Record<string, [() => Parameters<typeof loadTfjsModel>[0], RegExp]> = {
  'a missing file': [() => join(folder, 'nowhere', 'model.json'), /cannot be read \(ENOENT\)/],
  'no JSON': [() => written('text.json', 'hello'), /is no model\.json of TensorFlow\.js: Unexpected token/],
  'another JSON': [() => written('other.json', '{"a": 1}'), /has no modelTopology/],
  'damaged topology': [() => written('damaged.json', '{"modelTopology": {}, "weightsManifest": []}'), /cannot load/],
  'weights that are missing': [
    () => written('absent.json', '{"modelTopology": {}, "weightsManifest": [{"paths": ["gone.bin"], "weights": []}]}'),
    /file of weights .*gone\.bin cannot be read/,
  ],
  'weights outside the folder': [
    () =>
      written('outside.json', '{"modelTopology": {}, "weightsManifest": [{"paths": ["../secret"], "weights": []}]}'),
    /outside the folder/,
  ],
  'a link to weights outside the folder': [
    () => {
      symlinkSync('/etc/hostname', join(folder, 'link.bin'))
      return written('link.json', '{"modelTopology": {}, "weightsManifest": [{"paths": ["link.bin"], "weights": []}]}')
    },
    /outside the folder/,
  ],
  'no model': [() => ({}) as never, /takes the path of a model\.json, or a model/],
  'several inputs': [
    () => {
      const ends = [tf.input({ shape: [4] }), tf.input({ shape: [4] })]
      return tf.model({ inputs: ends, outputs: layers.add().apply(ends) as tf.SymbolicTensor })
    },
    /has 2 inputs \("input\d+", float32 of shape \[\?, 4\]; .*fixedInputs: \{ "input\d+": 0 \}/,
  ],
  'whole numbers as the input': [
    () => {
      const input = tf.input({ shape: [4], dtype: 'int32' })
      return tf.model({ inputs: input, outputs: layers.dense({ units: 2 }).apply(input) as tf.SymbolicTensor })
    },
    /is int32; attacks need a float32 input/,
  ],
  'a fixed batch': [
    () => tf.sequential({ layers: [layers.dense({ batchInputShape: [8, 4], units: 3 })] }),
    /fixed to batches of 8/,
  ],
  'an image for an output': [
    () => tf.sequential({ layers: [layers.conv2d({ inputShape: [4, 4, 1], filters: 2, kernelSize: 3 })] }),
    /shape \[n, 2, 2, 2\]; a classifier gives logits/,
  ],
  'outputs that are not finite': [
    () => {
      const native = dense(2)
      native.setWeights([tf.fill([4, 2], Number.NaN), tf.zeros([2])])
      return native
    },
    /not finite/,
  ],
}

function written(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test.each(Object.entries(wrong))('refuses %s', async (_, [make, message]) => {
  const refused = loadTfjsModel(make(), { tf, domain })
  await expect(refused).rejects.toThrow(ModelError)
  await expect(refused).rejects.toThrow(message)
})
