import { afterAll, expect, test } from 'vitest'
import { intervalPropagation } from '../../src/bounds/crown.js'
import { bound } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { UnsupportedOperatorError } from '../../src/errors.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import type { Regressor } from '../../src/model/regressor.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { directionalDerivative } from '../architectures/finite-differences.js'
import { normals } from '../operators/harness.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

interface Case {
  readonly features: readonly number[]
  readonly batch: number | string
  readonly batching: 'dynamic' | 'one at a time'
  /** Without a gradient where the operators have none. */
  readonly isDifferentiable?: false
  build(builder: GraphBuilder, input: string, random: RandomSource): string
}

const scalar = (builder: GraphBuilder, value: number) => builder.floats([value], [])

/** Patterns of exporters in which the runtime takes a larger batch, but mixes its samples. */
const cases: Record<string, Case> = {
  'rows picked from a flattened value': {
    features: [2, 3],
    batch: 1,
    batching: 'one at a time',
    build(builder, input, random) {
      const flat = builder.add('Reshape', [builder.add('Tanh', [input]), builder.ints([-1])])
      const order = builder.constant({
        type: 'int64',
        shape: [1, 6, 1],
        data: BigInt64Array.of(5n, 0n, 1n, 2n, 3n, 0n),
      })
      const view = builder.add('Gather', [flat, order], { axis: 0 })
      const weights = builder.add('Mul', [view, normals(builder, random, [6, 1])])
      return builder.add('Reshape', [weights, builder.ints([1, 6])])
    },
  },
  'a head that reshapes to a batch of 1': {
    features: [4, 3],
    batch: 1,
    batching: 'dynamic',
    build(builder, input) {
      const head = builder.add('Reshape', [builder.add('Tanh', [input]), builder.ints([1, 2, -1])])
      return builder.add('Transpose', [head], { perm: [0, 2, 1] })
    },
  },
  'a scale from the whole batch': {
    features: [4],
    batch: 'batch',
    batching: 'one at a time',
    isDifferentiable: false,
    build(builder, input) {
      const scale = builder.add('ReduceMax', [builder.add('Abs', [input])], { keepdims: 0 })
      return builder.add('Div', [input, builder.add('Add', [scale, scalar(builder, 1)])])
    },
  },
  'a normalisation along the batch': {
    features: [3, 4],
    batch: 'batch',
    batching: 'one at a time',
    isDifferentiable: false,
    build(builder, input) {
      const first = builder.add('Transpose', [input], { perm: [1, 0, 2] })
      const normalised = builder.add('Softmax', [first], { axis: 1 })
      return builder.add('Transpose', [builder.add('Mul', [normalised, first])], { perm: [1, 0, 2] })
    },
  },
  'the time first in the output': {
    features: [3, 4],
    batch: 'batch',
    batching: 'dynamic',
    build: (builder, input) => builder.add('Transpose', [builder.add('Tanh', [input])], { perm: [1, 0, 2] }),
  },
  'an If that asks for the input': {
    features: [3],
    batch: 1,
    batching: 'one at a time',
    build(builder, input, random) {
      const score = builder.add('ReduceSum', [input, builder.ints([1])], { keepdims: 1 })
      const condition = builder.add('Greater', [score, scalar(builder, 0)])
      const weights = normals(builder, random, [3, 2])
      const branch = (activation: string) => {
        const body = builder.body()
        body.output(body.fresh(), body.add(activation, [body.add('MatMul', [input, weights])]))
        return body.build()
      }
      return builder.add('If', [condition], { then_branch: branch('Tanh'), else_branch: branch('Sigmoid') })
    },
  },
}

test.for(Object.entries(cases))('%s', async ([, { features, batch, batching, isDifferentiable = true, build }]) => {
  const random = randomSource(seed)
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', [batch, ...features])
  builder.output('output', build(builder, input, random))
  const model = await loadRegressor(encodeModel(builder.build()), { domain: [-9, 9] })
  expect(model.description.batching).toBe(batching)
  const data = Float32Array.from({ length: 3 * elementCount(features) }, () => random.normal())
  await compareWithAlone(model, data)
  if (isDifferentiable) await compareWithDifferences(model, data, random)
  await model.close()
})

test('tensors that are kept in sequences of constants', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', [1, 2])
  const columns = [builder.floats([1, 2], [2, 1]), builder.floats([3, 4], [2, 1])]
  const weights = builder.add('ConcatFromSequence', [builder.add('SequenceConstruct', columns)], { axis: 1 })
  builder.output('output', builder.add('MatMul', [input, weights]))
  const model = await loadModel(encodeModel(builder.build()), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(1, 0.5), shape: [1, 2] }
  expect(Array.from(await model.predict(inputs))).toEqual([2, 5])
  expect(Array.from(await model.inputGradient(inputs, [0], 'margin'))).toEqual([-2, -2])
  await model.close()
})

test('sequences made of the input are refused by their operator', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  const halves = builder.add('SplitToSequence', [input], { axis: 1, keepdims: 1 })
  const last = builder.add('SequenceAt', [halves, builder.int(1)])
  builder.output('output', builder.add('Concat', [last, input], { axis: 1 }))
  const model = await loadModel(encodeModel(builder.build()), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(1, 0.5), shape: [1, 2] }
  expect(Array.from(await model.predict(inputs))).toEqual([0.5, 1, 0.5])
  await expect(model.inputGradient(inputs, [0], 'margin')).rejects.toMatchObject({ operator: 'SplitToSequence' })
  await expect(bound(model, intervalPropagation({ norm: 'linf' }), { inputs })).rejects.toThrow(
    UnsupportedOperatorError,
  )
  await model.close()
})

test('a value clipped between others', async () => {
  const random = randomSource(seed)
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', [1, 5])
  const least = builder.add('ReduceMin', [input], { keepdims: 0 })
  const most = builder.add('ReduceMax', [builder.add('Mul', [input, scalar(builder, 0.5)])], { keepdims: 0 })
  builder.output('output', builder.add('Clip', [input, builder.add('Mul', [least, scalar(builder, 0.5)]), most]))
  const model = await loadRegressor(encodeModel(builder.build()), { domain: [-9, 9] })
  const data = Float32Array.from({ length: 5 }, () => random.normal())
  const [low, high] = [Math.min(...data) / 2, Math.max(...data) / 2]
  const outputs = await model.predict({ data, shape: [1, 5] })
  outputs.forEach((value, index) => expect(value).toBeCloseTo(Math.min(Math.max(data[index], low), high), 6))
  await model.close()
})

/** A sample of its own does not depend on the others. */
async function compareWithAlone(model: Regressor, data: Float32Array): Promise<void> {
  const { featureShape } = model
  const together = await model.predict({ data, shape: [3, ...featureShape] })
  const size = elementCount(featureShape)
  const alone = await model.predict({ data: data.slice(size, 2 * size), shape: [1, ...featureShape] })
  expect(together).toHaveLength(3 * alone.length)
  alone.forEach((value, index) => expect(together[alone.length + index]).toBeCloseTo(value, 5))
}

async function compareWithDifferences(model: Regressor, data: Float32Array, random: RandomSource): Promise<void> {
  const one = { data: data.slice(0, data.length / 3), shape: [1, ...model.featureShape] }
  const direction = Float32Array.from(one.data, () => random.normal())
  const slopes = await directionalDerivative(model, one, Float64Array.from(direction))
  const tangents = await model.jvp(one, direction)
  slopes.forEach((slope, index) => expect(tangents[index]).toBeCloseTo(slope, 4))
}
