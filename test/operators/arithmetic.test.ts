import { expect, test } from 'vitest'
import { UnsupportedOperatorError } from '../../src/errors.js'
import { float, type GraphBuilder } from '../../src/graph/builder.js'
import { checkLinearOperator, checkOperator, normals } from './harness.js'

const away = (value: number) => value + (value < 0 ? -1 : 1)

/** Two activations of the given shapes made from one input. */
function pair(builder: GraphBuilder, input: string, left: readonly number[], right: readonly number[]) {
  const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)
  const parts = builder.addMany('Split', [input, builder.ints([size(left), size(right)])], 2, { axis: 1 })
  return [left, right].map((shape, index) => builder.add('Reshape', [parts[index], builder.ints([0, ...shape])]))
}

const shapes = [
  { activation: [2, 3], constant: [2, 3] },
  { activation: [2, 3], constant: [1, 2, 1] },
  { activation: [2, 1, 3], constant: [4, 1] },
  { activation: [2, 3], constant: [] },
  { activation: [3], constant: [1, 3] },
]

for (const operator of ['Add', 'Sub', 'Mul', 'Div'] as const) {
  test.for(shapes)(`${operator}: activation %j and constant`, async ({ activation, constant }) => {
    await checkLinearOperator({
      features: activation,
      build: (builder, input, random) => builder.add(operator, [input, normals(builder, random, constant)]),
    })
  })

  test.for(shapes)(`${operator}: constant and activation %j`, async ({ activation, constant }) => {
    const check = operator === 'Div' ? checkOperator : checkLinearOperator
    await check({
      features: activation,
      element: (random) => away(random.normal()),
      build: (builder, input, random) => builder.add(operator, [normals(builder, random, constant), input]),
    })
  })

  test.for([
    { left: [2, 3], right: [2, 3] },
    { left: [2, 1, 3], right: [1, 4, 3] },
    { left: [1, 1], right: [2, 3] },
  ])(`${operator}: two activations %j`, async ({ left, right }) => {
    const check = operator === 'Add' || operator === 'Sub' ? checkLinearOperator : checkOperator
    await check({
      features: [left.reduce((a, b) => a * b) + right.reduce((a, b) => a * b)],
      element: (random) => away(random.normal()),
      build: (builder, input) => builder.add(operator, pair(builder, input, left, right)),
    })
  })

  test(`${operator}: a constant in front of the batch axis is refused`, async () => {
    const check = checkOperator({
      features: [3],
      build: (builder, input, random) =>
        builder.add(
          'ReduceSum',
          [builder.add(operator, [input, normals(builder, random, [4, 1, 1])]), builder.ints([0])],
          { keepdims: 0 },
        ),
    })
    await expect(check).rejects.toThrow(UnsupportedOperatorError)
  })
}

test('Mul and Add: an activation with itself', async () => {
  await checkOperator({
    features: [4],
    build: (builder, input) => builder.add('Add', [builder.add('Mul', [input, input]), input]),
  })
  await checkLinearOperator({ features: [4], build: (builder, input) => builder.add('Add', [input, input]) })
})

test('Add: a constant that follows the batch size', async () => {
  await checkLinearOperator({
    features: [2, 3],
    build(builder, input, random) {
      const batch = builder.add('Shape', [input], { start: 0, end: 1 })
      const shape = builder.add('Concat', [batch, builder.ints([2, 3])], { axis: 0 })
      return builder.add('Add', [input, builder.add('Expand', [normals(builder, random, [1, 1, 3]), shape])])
    },
  })
})

test('Neg', async () => {
  await checkLinearOperator({ features: [2, 3], build: (builder, input) => builder.add('Neg', [input]) })
})

test('Identity and Cast to the same type', async () => {
  await checkLinearOperator({
    features: [2, 3],
    build: (builder, input) => builder.add('Cast', [builder.add('Identity', [input])], { to: 1 }),
  })
})

test('Cast: a mask becomes numbers of the precision of the graph', async () => {
  await checkOperator({
    features: [4],
    build(builder, input, random) {
      const mask = builder.add('Greater', [normals(builder, random, [4]), builder.scalar(0)])
      return builder.add('Mul', [input, builder.add('Cast', [mask], { to: 1 })])
    },
  })
})

test('BatchNormalization uses its epsilon in float32', async () => {
  for (const features of [[3, 2, 4], [3], [3, 5]]) {
    await checkLinearOperator({
      features,
      build(builder, input, random) {
        const [scale, shift, mean] = [1, 2, 3].map(() => normals(builder, random, [3]))
        // Variances so small that epsilon decides.
        const variance = builder.floats([1e-3, 2e-3, 0])
        return builder.add('BatchNormalization', [input, scale, shift, mean, variance], { epsilon: float(1e-3) })
      },
    })
  }
})

test.for([
  { transB: 0, alpha: 1, beta: 1, constant: [4] },
  { transB: 1, alpha: -0.5, beta: 2, constant: [1, 4] },
  { transB: 0, alpha: 2, beta: -3, constant: [] },
])('Gemm: %j', async ({ transB, alpha, beta, constant }) => {
  await checkLinearOperator({
    features: [3],
    build: (builder, input, random) =>
      builder.add(
        'Gemm',
        [input, normals(builder, random, transB ? [4, 3] : [3, 4]), normals(builder, random, constant)],
        { transB, alpha: float(alpha), beta: float(beta) },
      ),
  })
})

test('Gemm without C', async () => {
  await checkLinearOperator({
    features: [3],
    build: (builder, input, random) => builder.add('Gemm', [input, normals(builder, random, [3, 4])]),
  })
})
