import { test } from 'vitest'
import { float } from '../../src/graph/builder.js'
import { checkOperator } from './harness.js'

test.for([
  [[5, 3, 2], { size: 3, alpha: float(0.4), beta: float(0.6), bias: float(1.5) }],
  [[6, 2, 2], { size: 5, alpha: float(0.9) }],
  [[3, 4, 1], { size: 7, alpha: float(2), beta: float(1.2) }],
  [[2, 3, 3], { size: 1 }],
] as const)('LRN of %j with %j', async ([features, attributes]) => {
  await checkOperator({ features, build: (builder, input) => builder.add('LRN', [input], attributes) })
})
