import { afterAll, describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SampleError, SettingsError } from '../../src/errors.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { predictOutputs } from '../../src/model/predict-outputs.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { denseModel, graphOf, operatorModel } from '../tiny-models.js'

afterAll(() => engine.close())

const domain = [0, 1] as const
const random = randomSource(seed)

/** A convolution and a tanh: from [1, 3, 3] to [2, 3, 3]. */
function smooth(builder: GraphBuilder, input: string): string {
  const kernel = builder.floats(
    Array.from({ length: 18 }, () => 0.2 * random.normal()),
    [2, 1, 3, 3],
  )
  return builder.add('Tanh', [builder.add('Conv', [input, kernel], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] })])
}
const smoothGraph = graphOf([1, 3, 3], smooth)

test('a regressor predicts and describes itself', async () => {
  const model = await loadRegressor(encodeModel(smoothGraph), { domain, name: 'smooth' })
  expect(model).toMatchObject({ featureShape: [1, 3, 3], outputShape: [2, 3, 3], outputRange: [0, 1] })
  expect(model.description).toMatchObject({
    name: 'smooth',
    output: { name: 'logits', shape: [2, 3, 3], range: [0, 1] },
    operators: { Conv: 1, Tanh: 1 },
    warnings: [],
  })
  const outputs = await model.predict({ data: new Float32Array(18).fill(0.5), shape: [2, 1, 3, 3] })
  expect(outputs).toHaveLength(36)
  await model.close()
})

test('an output of one number is no fault', async () => {
  const model = await loadRegressor(denseModel({ weights: [[1, 2]], bias: [3] }), { domain })
  expect(model.outputShape).toEqual([1])
  expect(Array.from(await model.predict({ data: Float32Array.of(0, 1, 0.5, 0), shape: [2, 2] }))).toEqual([5, 3.5])
})

test('a final Softmax belongs to the model', async () => {
  const bytes = operatorModel([2], 'Softmax', { axis: 1 })
  const inputs = { data: Float32Array.of(0, 1), shape: [1, 2] }
  const outputs = await (await loadRegressor(bytes, { domain })).predict(inputs)
  expect(outputs[1]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6)
  const classifier = await loadModel(bytes, { domain })
  expect(Array.from(await classifier.predict(inputs))).toEqual([0, 1])
})

test('the output range is that of the domain, or the one given', async () => {
  const bytes = denseModel({ weights: [[1, 2]] })
  const wide = { lower: [-2, 0], upper: [1, 3] }
  expect((await loadRegressor(bytes, { domain: wide })).outputRange).toEqual([-2, 3])
  expect((await loadRegressor(bytes, { domain: wide, outputRange: [0, 255] })).outputRange).toEqual([0, 255])
})

describe('refuses', () => {
  test.each<[string, (builder: GraphBuilder, input: string) => string]>([
    ['an output without a batch axis', (builder, input) => builder.add('ReduceSum', [input], { keepdims: 0 })],
    [
      'an output of one number per sample without an axis of its own',
      (builder, input) => builder.add('ReduceSum', [input, builder.ints([1, 2, 3])], { keepdims: 0 }),
    ],
    ['an output that is no float', (builder, input) => builder.add('Cast', [input], { to: 7 })],
  ])('%s', async (_, body) => {
    const bytes = encodeModel(graphOf([1, 3, 3], body))
    await expect(loadRegressor(bytes, { domain })).rejects.toThrow(ModelError)
    await expect(loadRegressor(bytes, { domain })).rejects.toThrow(/a regressor gives float32 outputs of shape/)
  })

  test('outputs that are not finite', async () => {
    const bytes = denseModel({ weights: [[Number.NaN]] })
    await expect(loadRegressor(bytes, { domain })).rejects.toThrow(/not finite/)
  })

  test.each([[[1, 1]], [[1, 0]], [[0, Number.NaN]], [[0, Number.POSITIVE_INFINITY]]])(
    'outputRange %j',
    async (range) => {
      const settings = { domain, outputRange: range as [number, number] }
      await expect(loadRegressor(denseModel({ weights: [[1]] }), settings)).rejects.toThrow(SettingsError)
    },
  )

  test('a range that a frozen domain does not give', async () => {
    await expect(loadRegressor(denseModel({ weights: [[1]] }), { domain: [1, 1] })).rejects.toThrow(/outputRange/)
  })

  test('to be taken for a classifier: the message names the other function', async () => {
    await expect(loadModel(encodeModel(smoothGraph), { domain })).rejects.toThrow(/loadRegressor\(\)/)
  })
})

describe.each(['batch', 1])('products with the Jacobian, batch %s', (batch) => {
  const points = { data: Float32Array.from({ length: 27 }, () => 0.2 + 0.6 * random.uniform()), shape: [3, 1, 3, 3] }
  const load = () =>
    loadRegressor(encodeModel({ ...smoothGraph, inputs: [{ ...smoothGraph.inputs[0], shape: [batch, 1, 3, 3] }] }), {
      domain,
    })

  test('agree with differences, and with each other', async () => {
    const model = await load()
    const tangents = Float32Array.from({ length: 27 }, random.normal)
    const cotangents = Float32Array.from({ length: 54 }, random.normal)
    const images = await model.jvp(points, tangents)
    const gradients = await model.vjp(points, cotangents)
    expect([images.length, gradients.length]).toEqual([54, 27])
    const step = 1e-2
    const at = (sign: number) =>
      model.predict({ ...points, data: points.data.map((value, index) => value + sign * step * tangents[index]) })
    const [up, down] = [await at(1), await at(-1)]
    images.forEach((image, index) => expect(image).toBeCloseTo((up[index] - down[index]) / (2 * step), 2))
    // cᵀ(J t) = (Jᵀc)ᵀ t, sample by sample.
    for (let sample = 0; sample < 3; sample++) {
      const dot = (left: Float32Array, right: Float32Array, size: number) =>
        left
          .subarray(sample * size, (sample + 1) * size)
          .reduce((sum, value, index) => sum + value * right[sample * size + index], 0)
      expect(dot(cotangents, images, 18)).toBeCloseTo(dot(gradients, tangents, 9), 4)
    }
  })

  test('refuse factors of another size', async () => {
    const model = await load()
    await expect(model.vjp(points, new Float32Array(53))).rejects.toThrow(SampleError)
    await expect(model.jvp(points, new Float32Array(54))).rejects.toThrow(/54 tangents for shape \[3, 1, 3, 3\]/)
  })

  test('of no samples are empty', async () => {
    const model = await load()
    const none = { data: new Float32Array(0), shape: [0, 1, 3, 3] }
    expect(await model.vjp(none, new Float32Array(0))).toHaveLength(0)
    expect(await model.jvp(none, new Float32Array(0))).toHaveLength(0)
  })
})

test('an output that overflows is an error that names the sample', async () => {
  const model = await loadRegressor(operatorModel([1], 'Exp'), { domain: [0, 1000], outputRange: [0, 1] })
  const inputs = { data: Float32Array.of(1, 500), shape: [2, 1] }
  await expect(predictOutputs(model, inputs)).rejects.toThrow(/gives Infinity in its output for sample 1/)
})
