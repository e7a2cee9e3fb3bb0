import { expect, test } from 'vitest'
import { differentiate, type Point } from './differentiate.js'
import { checkOperator } from './harness.js'

const operators = ['Softmax', 'LogSoftmax'] as const
const axes = [[1], [2], [-1], [-2], [undefined]] as const

test.for(operators.flatMap((operator) => axes.map(([axis]) => [operator, axis] as const)))(
  '%s over axis %s',
  async ([operator, axis]) => {
    await checkOperator({
      features: [3, 4],
      build: (builder, input) => builder.add(operator, [input], axis === undefined ? {} : { axis }),
    })
  },
)

test.for(operators)('the gradient of %s stays finite for extreme inputs', async (operator) => {
  for (const precision of ['float32', 'float64'] as const) {
    const { gradient, tangent } = await differentiate(
      { features: [4], input: [100, -100, 99, 0], build: (builder, input) => builder.add(operator, [input]) },
      precision,
      { ranked: true },
    )
    expect([...gradient, ...tangent].every(Number.isFinite)).toBe(true)
  }
})

test.for(operators)('%s over the batch is refused', async (operator) => {
  const point: Point = {
    features: [2],
    input: [1, 2],
    build: (builder, input) => builder.add(operator, [input], { axis: 0 }),
  }
  await expect(differentiate(point, 'float32')).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR', operator })
})
