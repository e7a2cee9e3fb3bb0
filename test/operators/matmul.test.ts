import { expect, test } from 'vitest'
import { UnsupportedOperatorError } from '../../src/errors.js'
import { checkLinearOperator, checkOperator, normals } from './harness.js'

test.for([
  { features: [3], weight: [3, 4] },
  { features: [2, 3], weight: [3, 4] },
  { features: [2, 2, 3], weight: [3, 4] },
  { features: [2, 3], weight: [1, 3, 4] },
  { features: [2, 2, 3], weight: [2, 3, 4] },
  { features: [1, 2, 3], weight: [2, 3, 4] },
])('MatMul: activation by constant %j', async ({ features, weight }) => {
  await checkLinearOperator({
    features,
    noEmptyRows: weight.length > 2,
    build: (builder, input, random) => builder.add('MatMul', [input, normals(builder, random, weight)]),
  })
})

test.for([
  { weight: [4, 2], features: [2, 3] },
  { weight: [2, 4, 2], features: [1, 2, 3] },
  { weight: [1, 4, 2], features: [2, 2, 3] },
])('MatMul: constant by activation %j', async ({ features, weight }) => {
  await checkLinearOperator({
    features,
    noEmptyRows: true,
    build: (builder, input, random) => builder.add('MatMul', [normals(builder, random, weight), input]),
  })
})

test.for([
  { left: [2, 3], right: [3, 4] },
  { left: [1, 2, 3], right: [2, 3, 2] },
  { left: [2, 2, 3], right: [1, 3, 2] },
])('MatMul: two activations %j', async ({ left, right }) => {
  const [first, second] = [left, right].map((shape) => shape.reduce((product, size) => product * size))
  await checkOperator({
    features: [first + second],
    build(builder, input) {
      const parts = builder.addMany('Split', [input, builder.ints([first, second])], 2, { axis: 1 })
      const factors = [left, right].map((shape, index) =>
        builder.add('Reshape', [parts[index], builder.ints([0, ...shape])]),
      )
      return builder.add('MatMul', factors)
    },
  })
})

test('MatMul: an activation with its own transpose', async () => {
  await checkOperator({
    features: [2, 3],
    build: (builder, input) => builder.add('MatMul', [input, builder.add('Transpose', [input], { perm: [0, 2, 1] })]),
  })
})

test('MatMul: a vector as a factor is refused', async () => {
  const check = checkOperator({
    features: [2, 3],
    build: (builder, input, random) => builder.add('MatMul', [input, normals(builder, random, [3])]),
  })
  await expect(check).rejects.toThrow(UnsupportedOperatorError)
})
