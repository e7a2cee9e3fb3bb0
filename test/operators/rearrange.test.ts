import { expect, test } from 'vitest'
import { UnsupportedOperatorError } from '../../src/errors.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { checkLinearOperator, normals, type OperatorCase } from './harness.js'

type Build = OperatorCase['build']

/** A node with one activation, whole-number constants and attributes. */
const add =
  (operator: string, constants: readonly (readonly number[])[], attributes = {}): Build =>
  (builder, input) =>
    builder.add(operator, [input, ...constants.map((values) => builder.ints(values))], attributes)

const indices = (builder: GraphBuilder, values: readonly number[], shape: readonly number[]) =>
  builder.constant({ type: 'int64', shape, data: BigInt64Array.from(values, BigInt) })

const gather =
  (values: readonly number[], shape: readonly number[], axis: number): Build =>
  (builder, input) =>
    builder.add('Gather', [input, indices(builder, values, shape)], { axis })

const cases: Record<string, { features: readonly number[]; build: Build }> = {
  Flatten: { features: [2, 3, 2], build: add('Flatten', []) },
  'Reshape with 0': { features: [2, 6], build: add('Reshape', [[0, 3, 4]]) },
  'Reshape with −1 for the batch': { features: [2, 6], build: add('Reshape', [[-1, 12]]) },
  Squeeze: { features: [2, 1, 3, 1], build: add('Squeeze', [[2, -1]]) },
  'Squeeze of all axes of size 1': { features: [1, 3, 1], build: add('Squeeze', []) },
  Unsqueeze: { features: [2, 3], build: add('Unsqueeze', [[1, -1]]) },
  Transpose: { features: [2, 3, 4], build: add('Transpose', [], { perm: [0, 3, 1, 2] }) },
  Expand: { features: [2, 1, 3], build: add('Expand', [[1, 2, 4, 3]]) },

  'Split into equal parts': {
    features: [2, 4],
    build: (builder, input) => builder.addMany('Split', [input], 2, { axis: -1, num_outputs: 2 }),
  },
  'Split with a smaller last part': {
    features: [2, 5],
    build: (builder, input) => builder.addMany('Split', [input], 3, { axis: 2, num_outputs: 3 }),
  },
  'Split with an unused part': {
    features: [5, 2],
    build: (builder, input) => builder.addMany('Split', [input, builder.ints([2, 3])], 2, { axis: 1 })[1],
  },

  Slice: {
    features: [4, 5],
    build: add('Slice', [
      [1, 0],
      [3, -1],
      [1, 2],
    ]),
  },
  'Slice to the end': { features: [4, 5], build: add('Slice', [[2], [Number.MAX_SAFE_INTEGER], [2]]) },
  'Slice that leaves the batch axis whole': {
    features: [4, 5],
    build: add('Slice', [
      [0, 1],
      [Number.MAX_SAFE_INTEGER, 3],
      [0, 1],
    ]),
  },
  'Slice of nothing but the whole': { features: [4], build: add('Slice', [[0], [9], [1]]) },
  'Slice with steps': {
    features: [5, 6],
    build: add('Slice', [
      [0, 1],
      [5, 6],
      [1, 2],
      [2, 3],
    ]),
  },
  'Slice backwards': {
    features: [4, 5],
    build: add('Slice', [
      [-1, 3],
      [-9, 0],
      [1, 2],
      [-1, -2],
    ]),
  },

  Gather: { features: [5, 2], build: gather([3, -1, 0, 3, 3], [5], 1) },
  'Gather a permutation': { features: [2, 4], build: gather([2, 0, 3, 1], [4], 2) },
  'Gather a run': { features: [5], build: gather([1, 2, 3], [3], 1) },
  'Gather a matrix of indices': { features: [3, 2], build: gather([0, 2, 2, -3, 1, 1], [2, 3], 1) },
  'Gather one position': { features: [3, 4], build: gather([-2], [], -2) },

  'Pad with a constant': {
    features: [2, 3],
    build: (builder, input) =>
      builder.add('Pad', [input, builder.ints([0, 1, 0, 0, 2, 3]), builder.floats([-0.7], [])]),
  },
  'Pad of chosen axes': {
    features: [2, 3],
    build: (builder, input) => builder.add('Pad', [input, builder.ints([1, 2]), builder.scalar(0), builder.ints([-1])]),
  },
  'Pad behind a Transpose': {
    features: [2, 3],
    build: (builder, input) =>
      builder.add('Pad', [
        builder.add('Transpose', [input], { perm: [0, 2, 1] }),
        builder.ints([1, 0, 0, 2]),
        '',
        builder.ints([1, 2]),
      ]),
  },
  'Pad that crops': { features: [4, 3], build: add('Pad', [[0, -1, 1, 0, -2, 0]]) },
  'Pad by reflection': { features: [4, 3], build: add('Pad', [[0, 2, 1, 0, 3, 0]], { mode: 'reflect' }) },
  'Pad with the edge': { features: [2, 3], build: add('Pad', [[0, 2, 1, 0, 0, 3]], { mode: 'edge' }) },

  'Concat with constants': {
    features: [2, 3],
    build(builder, input, random) {
      const batch = builder.add('Shape', [input], { start: 0, end: 1 })
      const shape = builder.add('Concat', [batch, builder.ints([1, 3])], { axis: 0 })
      const token = builder.add('Expand', [normals(builder, random, [1, 1, 3]), shape])
      return builder.add('Concat', [token, input], { axis: 1 })
    },
  },
  'Concat of an activation with itself': {
    features: [2, 3],
    build: (builder, input) => builder.add('Concat', [input, builder.add('Neg', [input])], { axis: -1 }),
  },

  'ReduceMean with kept axes': { features: [2, 3, 4], build: add('ReduceMean', [[2, -1]]) },
  'ReduceMean without': { features: [2, 3, 4], build: add('ReduceMean', [[1, 3]], { keepdims: 0 }) },
  'ReduceSum with kept axes': { features: [2, 3, 4], build: add('ReduceSum', [[-2]]) },
  'ReduceSum without': { features: [2, 3], build: add('ReduceSum', [[1, 2]], { keepdims: 0 }) },
  'ReduceSum over no axes': { features: [2, 3], build: add('ReduceSum', [], { noop_with_empty_axes: 1 }) },
}

test.for(Object.entries(cases))('%s', async ([, { features, build }]) => {
  await checkLinearOperator({ features, build })
})

const refused: Record<string, { features: readonly number[]; build: Build }> = {
  'Reshape that merges the batch axis': { features: [2, 3], build: add('Reshape', [[-1, 3]]) },
  'Transpose that moves the batch axis': { features: [2], build: add('Transpose', [], { perm: [1, 0] }) },
  'ReduceMean over the batch axis': { features: [2], build: add('ReduceMean', [[0]]) },
  'ReduceSum over everything': { features: [2], build: add('ReduceSum', []) },
  'Gather along the batch axis': { features: [2], build: gather([0, 1], [2], 0) },
  'Slice along the batch axis': { features: [2], build: add('Slice', [[0], [1], [0]]) },
  'Concat along the batch axis': {
    features: [2],
    build: (builder, input) => builder.add('Concat', [input, input], { axis: 0 }),
  },
}

test.for(Object.entries(refused))('refused: %s', async ([, { features, build }]) => {
  // What follows gives the case an output of the usual shape, so that only the operator itself can be refused.
  const restore: Build = (builder, input, random) => {
    const shape = builder.add('Shape', [input])
    return builder.add('Expand', [builder.add('ReduceMax', [build(builder, input, random) as string]), shape])
  }
  await expect(checkLinearOperator({ features, build: restore })).rejects.toThrow(UnsupportedOperatorError)
})
