import { expect, test } from 'vitest'
import type { AttributeValue, GraphBuilder } from '../../src/graph/builder.js'
import { differentiate } from './differentiate.js'
import { checkOperator } from './harness.js'

const cases: Record<string, Record<string, AttributeValue>> = {
  'windows side by side': { kernel_shape: [2, 2], strides: [2, 2] },
  'overlapping windows': { kernel_shape: [3, 2], strides: [2, 1] },
  'asymmetric pads': { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 0, 2] },
  'ceil mode': { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 },
  'ceil mode whose last windows reach beyond the padding': { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 },
  'dilated windows': { kernel_shape: [2, 2], dilations: [2, 3] },
  'order 3': { kernel_shape: [2, 3], p: 3 },
}

test.for(Object.entries(cases))('LpPool with %s', async ([, attributes]) => {
  await checkOperator({ features: [2, 5, 6], build: (builder, input) => builder.add('LpPool', [input], attributes) })
})

test('LpPool of order 1, away from its kinks', async () => {
  await checkOperator({
    features: [1, 4, 4],
    build: (builder, input) => builder.add('LpPool', [input], { kernel_shape: [2, 2], p: 1 }),
    element: (random) => (random.uniform() < 0.5 ? -1 : 1) * (0.1 + random.uniform()),
  })
})

const pool = (builder: GraphBuilder, input: string) => builder.add('LpPool', [input], { kernel_shape: [1, 2] })

test.for(['float32', 'float64'] as const)('a window of zeros has the slope 0 in %s', async (precision) => {
  const { gradient } = await differentiate({ features: [1, 1, 2], input: [0, 0], build: pool }, precision)
  expect(gradient).toEqual([0, 0])
})
