import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount, isBatch } from '../../src/graph/graph.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { directionalDerivative } from '../architectures/finite-differences.js'
import { normals } from '../operators/harness.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

interface Case {
  readonly features: readonly number[]
  build(builder: GraphBuilder, input: string, random: RandomSource): string
}

/** Puts the second axis before the batch, does something there, and goes back. */
const timeFirst =
  (act: (builder: GraphBuilder, value: string, random: RandomSource) => string, perm = [1, 0, 2]) =>
  (builder: GraphBuilder, input: string, random: RandomSource) => {
    const moved = builder.add('Transpose', [input], { perm: [1, 0, 2] })
    return builder.add('Transpose', [act(builder, moved, random)], { perm })
  }

const cases: Record<string, Case> = {
  'elementwise operators': { features: [3, 4], build: timeFirst((builder, value) => builder.add('Tanh', [value])) },
  'a constant for each time': {
    features: [3, 4],
    build: timeFirst((builder, value, random) => builder.add('Mul', [value, normals(builder, random, [3, 1, 4])])),
  },
  'a constant of lower rank': {
    features: [3, 4],
    build: timeFirst((builder, value, random) => builder.add('Add', [value, normals(builder, random, [4])])),
  },
  'a dense layer': {
    features: [3, 4],
    build: timeFirst((builder, value, random) => builder.add('MatMul', [value, normals(builder, random, [4, 2])])),
  },
  'a Softmax over time': {
    features: [3, 4],
    build: timeFirst((builder, value) => builder.add('Softmax', [value], { axis: 0 })),
  },
  'a mean over time': {
    features: [3, 4],
    build: timeFirst((builder, value) => builder.add('ReduceMean', [value, builder.ints([0])], { keepdims: 1 })),
  },
  'a sum that drops the time': {
    features: [3, 4],
    build: (builder, input) =>
      builder.add('ReduceSum', [builder.add('Transpose', [input], { perm: [1, 0, 2] }), builder.ints([0])], {
        keepdims: 0,
      }),
  },
  'the last time': {
    features: [3, 4],
    build: (builder, input) =>
      builder.add('Gather', [builder.add('Transpose', [input], { perm: [1, 0, 2] }), builder.int(-1)], { axis: 0 }),
  },
  'a part of the times': {
    features: [3, 4],
    build: timeFirst((builder, value) =>
      builder.add('Slice', [value, builder.ints([1]), builder.ints([3]), builder.ints([0])]),
    ),
  },
  'features put beside each other': {
    features: [3, 4],
    build: timeFirst((builder, value) => builder.add('Concat', [value, builder.add('Sigmoid', [value])], { axis: -1 })),
  },
  'halves of the features': {
    features: [3, 4],
    build: timeFirst((builder, value) => {
      const [left, right] = builder.addMany('Split', [value], 2, { axis: 2, num_outputs: 2 })
      return builder.add('Mul', [left, builder.add('Sigmoid', [right])])
    }),
  },
  'the batch joined with heads': {
    features: [3, 4],
    // [n, 3, 4] → [3, n·2, 2] → [n·2, 3, 2], products of matrices, and back.
    build: timeFirst((builder, value) => {
      const heads = builder.add('Reshape', [value, builder.ints([3, -1, 2])])
      const matrices = builder.add('Transpose', [heads], { perm: [1, 0, 2] })
      const scores = builder.add('MatMul', [matrices, builder.add('Transpose', [matrices], { perm: [0, 2, 1] })])
      const mixed = builder.add('MatMul', [builder.add('Softmax', [scores]), matrices])
      const back = builder.add('Transpose', [mixed], { perm: [1, 0, 2] })
      return builder.add('Reshape', [back, builder.ints([3, -1, 4])])
    }),
  },
  'the batch joined behind the time, in a Gemm': {
    features: [3, 4],
    build: timeFirst((builder, value, random) => {
      const rows = builder.add('Reshape', [value, builder.ints([-1, 4])])
      const weights = [normals(builder, random, [2, 4]), normals(builder, random, [2])]
      const product = builder.add('Gemm', [rows, ...weights], { transB: 1, alpha: { kind: 'float', value: 0.5 } })
      return builder.add('Reshape', [product, builder.ints([3, -1, 2])])
    }),
  },
  'windows that join the batch': {
    features: [4, 3],
    // [n, 4, 3] → [n·2, 2, 3]
    build: (builder, input, random) => {
      const windows = builder.add('Reshape', [input, builder.ints([-1, 2, 3])])
      const bias = normals(builder, random, [1, 2, 1])
      const mixed = builder.add('Tanh', [builder.add('Add', [windows, bias])])
      return builder.add('Reshape', [mixed, builder.ints([-1, 4, 3])])
    },
  },
}

test.for(Object.entries(cases))('%s: samples are told apart', async ([, { features, build }]) => {
  const random = randomSource(seed)
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', ...features])
  builder.output('output', builder.add('Tanh', [build(builder, builder.add('Sin', [input]), random)]))
  const model = await loadRegressor(encodeModel(builder.build()), { domain: [-9, 9] })
  try {
    for (const { inputs } of model.graph.nodes) {
      for (const value of inputs) {
        const shape = model.graph.values.get(value)?.shape ?? []
        expect(shape.slice(1).some(isBatch)).toBe(false)
      }
    }
    const shape = [3, ...features]
    const normal = () => Float32Array.from({ length: elementCount(shape) }, () => random.normal())
    const [data, direction] = [normal(), normal()]
    const slopes = await directionalDerivative(model, { data, shape }, Float64Array.from(direction))
    const tangents = await model.jvp({ data, shape }, direction)
    slopes.forEach((slope, index) => expect(tangents[index]).toBeCloseTo(slope, 4))
    // A sample of its own does not depend on the others.
    const size = elementCount(features)
    const alone = await model.predict({ data: data.slice(size, 2 * size), shape: [1, ...features] })
    const together = await model.predict({ data, shape })
    alone.forEach((value, index) => expect(together[alone.length + index]).toBeCloseTo(value, 5))
  } finally {
    await model.close()
  }
})

test('what is not covered is refused by the node that takes it', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 3, 4])
  const moved = builder.add('Transpose', [input], { perm: [1, 0, 2] })
  // Has no rule for a batch that is not the first axis.
  const normalised = builder.add('LRN', [builder.add('Unsqueeze', [moved, builder.ints([3])])], { size: 3 })
  const squeezed = builder.add('Squeeze', [normalised, builder.ints([3])])
  builder.output('output', builder.add('Transpose', [squeezed], { perm: [1, 0, 2] }))
  const model = await loadRegressor(encodeModel(builder.build()), { domain: [-9, 9] })
  const inputs = { data: new Float32Array(24).fill(0.5), shape: [2, 3, 4] }
  await expect(model.vjp(inputs, new Float32Array(24))).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR' })
  await model.close()
})
