import { describe, expect, test } from 'vitest'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { differentiate } from './differentiate.js'
import { checkOperator } from './harness.js'

type Build = (builder: GraphBuilder, input: string) => string

const mask = (builder: GraphBuilder, shape: readonly number[]) =>
  builder.constant({
    type: 'bool',
    shape,
    data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index % 2),
  })
const squared = (builder: GraphBuilder, input: string) => builder.add('Mul', [input, input])
const isPositive = (builder: GraphBuilder, input: string) => builder.add('Greater', [input, builder.scalar(0)])

const cases: Record<string, Build> = {
  'Where with a constant condition': (builder, input) =>
    builder.add('Where', [mask(builder, [4]), input, squared(builder, input)]),
  'Where with a condition that depends on the input': (builder, input) =>
    builder.add('Where', [isPositive(builder, input), squared(builder, input), input]),
  'Where with a constant branch': (builder, input) =>
    builder.add('Where', [isPositive(builder, input), input, builder.scalar(3)]),
  'Where with the other branch constant': (builder, input) =>
    builder.add('Where', [isPositive(builder, input), builder.scalar(3), input]),
  'Where whose condition is all that depends on the input': (builder, input) =>
    builder.add('Add', [
      input,
      builder.add('Where', [isPositive(builder, input), builder.scalar(3), builder.scalar(2)]),
    ]),
  'Where that broadcasts its branches': (builder, input) =>
    builder.add('Where', [
      mask(builder, [3, 1]),
      builder.add('ReduceSum', [input, builder.ints([1])]),
      builder.floats([1, 2, 3, 4]),
    ]),
  'Where that broadcasts its condition': (builder, input) =>
    builder.add('Where', [
      isPositive(builder, builder.add('ReduceSum', [input, builder.ints([2])])),
      input,
      squared(builder, input),
    ]),
  'Where with a constant larger than its branches': (builder, input) => {
    const narrow = builder.add('ReduceSum', [input, builder.ints([1, 2])])
    return builder.add('Where', [mask(builder, [4]), narrow, builder.floats([1, 2, 3], [1, 3, 1])])
  },
  'logic between comparisons': (builder, input) => {
    const negative = builder.add('Not', [builder.add('GreaterOrEqual', [input, builder.scalar(0)])])
    const small = builder.add('LessOrEqual', [input, builder.scalar(1)])
    const inside = builder.add('Xor', [small, builder.add('Less', [input, builder.scalar(-1)])])
    const condition = builder.add('Or', [negative, builder.add('And', [inside, isPositive(builder, input)])])
    return builder.add('Where', [condition, squared(builder, input), input])
  },
  'Max of two activations': (builder, input) => builder.add('Max', [input, squared(builder, input)]),
  'Min of three': (builder, input) => builder.add('Min', [input, squared(builder, input), builder.scalar(0.7)]),
  'Max of one': (builder, input) => builder.add('Max', [input]),
  'Max that broadcasts': (builder, input) =>
    builder.add('Max', [
      input,
      builder.add('ReduceSum', [input, builder.ints([2])]),
      builder.floats([-0.5, 0, 0.5, 1]),
    ]),
  'Min with a constant larger than its activation': (builder, input) =>
    builder.add('Min', [builder.add('ReduceSum', [input, builder.ints([1])]), builder.floats([0, 1, -1], [3, 1])]),
}

test.for(Object.entries(cases))('%s', async ([, build]) => {
  await checkOperator({ features: [3, 4], build })
})

describe.for(['float32', 'float64'] as const)('ties in %s', (precision) => {
  test.for<[string, Build, readonly number[]]>([
    ['Max(x, 0)', (builder, input) => builder.add('Max', [input, builder.scalar(0)]), [0, 1, 1]],
    ['Max(0, x)', (builder, input) => builder.add('Max', [builder.scalar(0), input]), [0, 0, 1]],
    ['Min(x, 0)', (builder, input) => builder.add('Min', [input, builder.scalar(0)]), [1, 1, 0]],
    ['Min(2x, x, 3x)', threeMultiples, [3, 2, 1]],
  ])('%s takes the first', async ([, build, slopes]) => {
    const { gradient, tangent } = await differentiate({ features: [3], input: [-1, 0, 1], build }, precision)
    expect(gradient).toEqual(slopes)
    expect(tangent).toEqual(slopes)
  })
})

function threeMultiples(builder: GraphBuilder, input: string): string {
  const times = (factor: number) => builder.add('Mul', [input, builder.scalar(factor)])
  return builder.add('Min', [times(2), input, times(3)])
}

test('a branch that is not taken may be infinite', async () => {
  const build: Build = (builder, input) =>
    builder.add('Where', [isPositive(builder, input), builder.add('Log', [input]), input])
  const { gradient } = await differentiate({ features: [3], input: [-1, 0, 2], build }, 'float32')
  expect(gradient).toEqual([1, 1, 0.5])
})
