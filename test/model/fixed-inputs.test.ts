import { afterAll, describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../src/errors.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { randomSource } from '../../src/sampling/random.js'
import { directionalDerivative } from '../architectures/finite-differences.js'
import { normals } from '../operators/harness.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

const domain = [-2, 2] as const

/** As voice activity detectors are exported: a state for each sample, and a rate that chooses the network. */
function streamed(): Uint8Array {
  const random = randomSource(seed)
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 6])
  const state = builder.input('state', 'float32', [2, 'states', 3])
  const rate = builder.input('sr', 'int64', [])
  const network = (step: number) => {
    const body = builder.body()
    const frames = body.add('Reshape', [input, body.ints([-1, 6 / step, step])])
    const timeFirst = body.add('Transpose', [frames], { perm: [1, 0, 2] })
    const part = (index: number) =>
      body.add('Unsqueeze', [body.add('Gather', [state, body.int(index)]), body.ints([0])])
    const weights = [
      [1, 12, step],
      [1, 12, 3],
      [1, 24],
    ].map((shape) => normals(body, random, shape))
    const inputs = [timeFirst, ...weights, '', part(0), part(1)]
    const [, hidden] = body.addMany('LSTM', inputs, 3, { hidden_size: 3 })
    body.output(body.fresh(), body.add('Squeeze', [hidden, body.ints([0])]))
    return body.build()
  }
  const isWide = builder.add('Equal', [rate, builder.int(16_000)])
  const output = builder.add('If', [isWide], { then_branch: network(3), else_branch: network(2) })
  builder.output('output', output)
  return encodeModel(builder.build())
}

describe('a model with a state and a rate', () => {
  const inputs = { data: Float32Array.from({ length: 12 }, (_, index) => Math.sin(index)), shape: [2, 6] }
  const state = { data: Float32Array.from({ length: 6 }, (_, index) => Math.cos(index)), shape: [2, 1, 3] }

  test('runs with what they are given, many samples at a time', async () => {
    const outputs = new Set<number>()
    for (const fixedInputs of [
      { state: 0, sr: 16_000 },
      { state: 0, sr: 8000 },
      { state, sr: { data: [8000n], shape: [] } },
    ]) {
      const model = await loadModel(streamed(), { domain, fixedInputs })
      expect(model.description).toMatchObject({ input: { name: 'input' }, batching: 'dynamic', fidelity: 0 })
      expect(model.description.operators.If).toBeUndefined()
      const both = await model.predict(inputs)
      outputs.add(both[0])
      const second = await model.predict({ data: inputs.data.slice(6), shape: [1, 6] })
      second.forEach((value, index) => expect(both[3 + index]).toBeCloseTo(value, 6))
      await model.close()
    }
    expect(outputs.size).toBe(3)
  })

  test('has the gradient of finite differences', async () => {
    const model = await loadRegressor(streamed(), { domain, fixedInputs: { state, sr: 16_000 } })
    const direction = Float32Array.from(inputs.data, (_, index) => Math.cos(3 * index))
    const slopes = await directionalDerivative(model, inputs, Float64Array.from(direction))
    const tangents = await model.jvp(inputs, direction)
    slopes.forEach((slope, index) => expect(tangents[index]).toBeCloseTo(slope, 4))
    await model.close()
  })

  test.each<[string, object, RegExp]>([
    [
      'a name that is none',
      { state: 0, rate: 1 },
      /"rate", which is no input of the model; it has "input", "state", "sr"/,
    ],
    ['a shape that contradicts the file', { state: { data: [1], shape: [1] }, sr: 1 }, /the shape \[2, states, 3\]/],
    ['too few numbers', { state: { data: [1], shape: [2, 1, 3] }, sr: 1 }, /as many numbers/],
    ['fractions of whole numbers', { state: 0, sr: 0.5 }, /whole numbers; one is 0.5/],
  ])('refuses %s', async (_, fixedInputs, message) => {
    const loading = loadModel(streamed(), { domain, fixedInputs } as never)
    await expect(loading).rejects.toThrow(SettingsError)
    await expect(loading).rejects.toThrow(message)
  })

  test('asks for what is missing', async () => {
    await expect(loadModel(streamed(), { domain, fixedInputs: { sr: 8000 } })).rejects.toThrow(
      'The model has 2 inputs ("input", float32 of shape [batch, 6]; "state", float32 of shape [2, states, 3]); one of them is tested.',
    )
    await expect(loadModel(streamed(), { domain })).rejects.toThrow(
      'Say what the others get, as in { fixedInputs: { "state": 0, "sr": 0 } }.',
    )
    await expect(loadModel(streamed(), { domain, fixedInputs: { input: 0, state: 0, sr: 8000 } })).rejects.toThrow(
      ModelError,
    )
  })
})

test('a state for one sample only leaves the samples one at a time', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  const state = builder.input('state', 'float32', [1, 2])
  builder.output(
    'output',
    builder.add('Gemm', [
      builder.add('Concat', [input, state], { axis: 1 }),
      builder.floats([1, 0, 0, 1, 1, 1, 2, 2], [4, 2]),
    ]),
  )
  const model = await loadModel(encodeModel(builder.build()), { domain, fixedInputs: { state: 0.5 } })
  expect(model.description.batching).toBe('one at a time')
  expect(Array.from(await model.predict({ data: Float32Array.of(1, 2, 0, 1), shape: [2, 2] }))).toEqual([
    2.5, 3.5, 1.5, 2.5,
  ])
  await model.close()
})
