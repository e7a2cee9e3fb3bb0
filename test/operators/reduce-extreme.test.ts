import { expect, test } from 'vitest'
import { differentiate } from './differentiate.js'
import { checkOperator } from './harness.js'

test.for<[string, number, number]>([
  ['ReduceMax', 1, 1],
  ['ReduceMax', -1, 0],
  ['ReduceMin', 2, 1],
  ['ReduceMin', 1, 0],
])('%s along axis %i with keepdims %i', async ([operator, axis, keepdims]) => {
  await checkOperator({
    features: [3, 4],
    build: (builder, input) => builder.add(operator, [input, builder.ints([axis])], { keepdims }),
  })
})

test.for(['ReduceMax', 'ReduceMin'])('%s takes the first of equal elements', async (operator) => {
  const { gradient } = await differentiate(
    {
      features: [3],
      input: [2, 2, 2],
      build: (builder, input) => builder.add(operator, [input, builder.ints([1])]),
    },
    'float32',
  )
  expect(gradient).toEqual([1, 0, 0])
})
