import * as tf from '@tensorflow/tfjs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import { engine } from '../../src/engine/engine.js'
import {
  attackRegressor,
  linear,
  loadTfjsModel,
  loadTfjsRegressor,
  ModelError,
  NoGraphError,
  parseProperty,
  quadratic,
  randomLp,
  SettingsError,
} from '../../src/index.js'
import { reasonForOpacity } from '../../src/model/hosted-graph.js'
import { randomSource } from '../../src/sampling/random.js'
import { directionalDerivative } from '../architectures/finite-differences.js'
import { seed } from '../seed.js'
import { TfjsGraphBuilder } from './graph-builder.js'

const { layers } = tf
const domain = [0, 1] as const

beforeAll(async () => {
  await tf.setBackend('cpu')
})
afterEach(() => tf.disposeVariables())
afterAll(() => engine.close())

/** 2·relu(x₀ − x₁) − x₁, as layers and as a graph. */
const kinds = {
  layers: () => {
    const native = tf.sequential({
      name: 'bent',
      layers: [layers.dense({ inputShape: [2], units: 2, activation: 'relu' }), layers.dense({ units: 1 })],
    })
    native.setWeights([tf.tensor([1, 0, -1, 1], [2, 2]), tf.tensor([0, 0]), tf.tensor([2, -1], [2, 1]), tf.tensor([0])])
    return native
  },
  graph: async () => {
    const graph = new TfjsGraphBuilder([2])
    const hidden = graph.add('Relu', [graph.add('MatMul', ['x', graph.floats([1, 0, -1, 1], [2, 2])])])
    const output = graph.add('MatMul', [hidden, graph.floats([2, -1], [2, 1])])
    return tf.loadGraphModel(tf.io.fromMemory(graph.build(output)))
  },
}

describe.each(['layers', 'graph'] as const)('a bend as a %s model', (kind) => {
  const inputs = { data: Float32Array.of(0.75, 0.25, 0.25, 0.75), shape: [2, 2] }

  test('has the outputs and the derivatives that its formula has', async () => {
    const native = await kinds[kind]()
    const before = tf.memory().numTensors
    const model = await loadTfjsRegressor(native, { tf, domain, name: 'bent', outputRange: [-1, 2] })
    expect(reasonForOpacity(model.graph)).toBeUndefined()
    expect(model).toMatchObject({ featureShape: [2], outputShape: [1], outputRange: [-1, 2] })
    expect(model.description).toMatchObject({ name: 'bent', device: 'tfjs cpu', warnings: [], output: { shape: [1] } })
    expect(Array.from(await model.predict(inputs))).toEqual([0.75, -0.75])
    expect(Array.from(await model.vjp(inputs, Float32Array.of(1, 2)))).toEqual([2, -3, 0, -2])
    expect(Array.from(await model.jvp(inputs, Float32Array.of(1, 0, 0, 1)))).toEqual([2, -1])
    await model.close()
    expect(tf.memory().numTensors).toBe(before)
    native.dispose()
  })

  test('is attacked, tested and verified as it is', async () => {
    const model = await loadTfjsRegressor(await kinds[kind](), { tf, domain })
    // Both features move by 0.125: by 0.625 where the unit is active, by 0.125 where it is not.
    const { samples } = await attackRegressor(model, linear({ epsilon: 0.125 }), { inputs, seed })
    samples.forEach(({ attacked }, index) => expect(attacked.mse).toBeCloseTo([0.625, 0.125][index] ** 2, 5))
    const options = { samples: { inputs }, seed }
    await expect(model).toResistAttack(linear({ epsilon: 0.125 }), { ...options, maxOutputError: 0.4 })
    await expect(model).not.toResistAttack(linear({ epsilon: 0.125 }), { ...options, maxOutputError: 0.39 })
    const atLeast = (bound: number) =>
      parseProperty(
        `(declare-const X_0 Real) (declare-const X_1 Real) (declare-const Y_0 Real)
         (assert (>= X_0 0.5)) (assert (<= X_0 1.0)) (assert (>= X_1 0.0)) (assert (<= X_1 0.5)) (assert (>= Y_0 ${bound.toFixed(4)}))`,
        'bent.vnnlib',
      )
    // 2 at (1, 0).
    await expect(model).toSatisfyProperty(atLeast(2.001))
    await expect(model).not.toSatisfyProperty(atLeast(1.999))
    await model.close()
  })
})

test('images come out as the model gives them, channels last, and so do products', async () => {
  const native = tf.sequential({
    layers: [
      layers.conv2d({ inputShape: [4, 5, 2], filters: 3, kernelSize: 3, padding: 'same', activation: 'tanh' }),
      layers.conv2d({ filters: 2, kernelSize: 2, strides: 2, padding: 'same' }),
    ],
  })
  const settings = { tf, domain: [0, 255], preprocessing: { mean: [120, 130], std: 60, channelAxis: 3 } } as const
  const model = await loadTfjsRegressor(native, settings)
  expect(model).toMatchObject({ featureShape: [4, 5, 2], outputShape: [2, 3, 2], outputRange: [0, 255] })
  const random = randomSource(seed)
  const inputs = { data: Float32Array.from({ length: 80 }, () => 255 * random.uniform()), shape: [2, 4, 5, 2] }
  const images = Array.from(inputs.data, (value, index) => (value - [120, 130][index % 2]) / 60)
  const expected = (native.predict(tf.tensor(images, [2, 4, 5, 2])) as tf.Tensor).dataSync()
  const outputs = await model.predict(inputs)
  outputs.forEach((value, index) => expect(value).toBeCloseTo(expected[index], 5))
  const direction = Float32Array.from({ length: 80 }, random.normal)
  const slopes = await directionalDerivative(model, inputs, Float64Array.from(direction))
  const tangents = await model.jvp(inputs, direction)
  slopes.forEach((slope, index) => expect(tangents[index]).toBeCloseTo(slope, 4))
  await model.close()
})

test('nothing is cut off the end', async () => {
  for (const [units, activation] of [
    [3, 'softmax'],
    [1, 'sigmoid'],
  ] as const) {
    const native = tf.sequential({ layers: [layers.dense({ inputShape: [2], units, activation })] })
    const model = await loadTfjsRegressor(native, { tf, domain })
    expect(reasonForOpacity(model.graph)).toBeUndefined()
    const inputs = { data: Float32Array.of(0.3, 0.9), shape: [1, 2] }
    const expected = (native.predict(tf.tensor(inputs.data, [1, 2])) as tf.Tensor).dataSync()
    expect(await model.predict(inputs)).toEqual(Float32Array.from(expected))
    expect(model.graph.outputs).toEqual([{ name: `model/${model.description.output.name}` }])
    await model.close()
  }
})

test('without a translation, gradients are those of TensorFlow.js, and products with the Jacobian are refused', async () => {
  const native = tf.sequential({
    layers: [
      layers.dense({ inputShape: [2], units: 6, activation: 'tanh' }),
      layers.repeatVector({ n: 2, name: 'twice' }),
      layers.dense({ units: 2 }),
    ],
  })
  const before = tf.memory().numTensors
  const model = await loadTfjsRegressor(native, { tf, domain, name: 'repeated' })
  expect(model.outputShape).toEqual([2, 2])
  const inputs = { data: Float32Array.of(0.3, 0.9, 0.5, 0.5), shape: [2, 2] }
  for (const method of [linear({ epsilon: 0.1 }), randomLp({ epsilon: 0.1 })]) {
    const { samples } = await attackRegressor(model, method, { inputs, seed })
    for (const { attacked } of samples) expect(attacked.mse).toBeGreaterThan(0)
  }
  const refused = attackRegressor(model, quadratic({ epsilon: 0.1 }), { inputs, seed })
  await expect(refused).rejects.toThrow(NoGraphError)
  await expect(refused).rejects.toThrow(
    /product with the Jacobian.* repeated does not show them: its layer "twice" \(RepeatVector\) has no translation/,
  )
  await model.close()
  expect(tf.memory().numTensors).toBe(before)
})

/** x·(2, 3), through a shape that was written for one sample. */
function forOneSample() {
  const graph = new TfjsGraphBuilder([4])
  const pairs = graph.add('Reshape', ['x', graph.ints([1, -1, 2])])
  const summed = graph.add('Sum', [pairs, graph.ints([1])], { keep_dims: false })
  return graph.build(graph.add('Mul', [summed, graph.floats([2, 3], [2])]))
}

test('a graph that mixes up several samples is given one at a time', async () => {
  const native = await tf.loadGraphModel(tf.io.fromMemory(forOneSample()))
  const inputs = { data: Float32Array.of(0, 1, 0, 0, 1, 0, 0.5, 0), shape: [2, 4] }
  const [regressor, classifier] = [
    await loadTfjsRegressor(native, { tf, domain }),
    await loadTfjsModel(native, { tf, domain }),
  ]
  for (const model of [regressor, classifier]) {
    expect(Array.from(await model.predict(inputs))).toEqual([0, 3, 3, 0])
    await model.close()
  }
})

describe('refuses', () => {
  const graphOf = (build: (graph: TfjsGraphBuilder) => string) => () => {
    const graph = new TfjsGraphBuilder([4])
    return tf.loadGraphModel(tf.io.fromMemory(graph.build(build(graph))))
  }
  test.each<[string, () => Promise<tf.GraphModel>, RegExp]>([
    [
      'one number per sample without an axis of its own',
      graphOf((graph) => graph.add('Sum', ['x', graph.ints([1])], { keep_dims: false })),
      /has the shape \[n\]; a regressor gives outputs of shape \[n, \.\.\.\].* the model has "logits"/,
    ],
    [
      'an output whose first axis is not the batch',
      graphOf((graph) => graph.add('Reshape', ['x', graph.ints([2, 2])])),
      /has the shape \[2, 2\] for one sample; it must have the batch first/,
    ],
    [
      'an output of whole numbers',
      graphOf((graph) => graph.add('ArgMax', ['x', graph.ints([1])])),
      /is int32; only outputs of float32 numbers can be tested/,
    ],
    [
      'outputs that are not finite',
      graphOf((graph) => graph.add('Mul', ['x', graph.floats([Number.NaN], [])])),
      /not finite/,
    ],
  ])('%s', async (_, make, message) => {
    const refused = loadTfjsRegressor(await make(), { tf, domain })
    await expect(refused).rejects.toThrow(ModelError)
    await expect(refused).rejects.toThrow(message)
  })

  test('a range of no width, and settings that it does not know', async () => {
    const native = kinds.layers()
    for (const settings of [{ outputRange: [1, 1] }, { device: 'cpu' }] as object[]) {
      await expect(loadTfjsRegressor(native, { tf, domain, ...settings })).rejects.toThrow(SettingsError)
    }
  })

  test('to be taken for a classifier: the message names the other function', async () => {
    const native = tf.sequential({ layers: [layers.conv2d({ inputShape: [4, 4, 1], filters: 2, kernelSize: 3 })] })
    await expect(loadTfjsModel(native, { tf, domain })).rejects.toThrow(/regressor is loaded by loadTfjsRegressor\(\)/)
  })
})
