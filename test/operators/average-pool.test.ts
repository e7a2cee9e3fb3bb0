import { test } from 'vitest'
import type { AttributeValue } from '../../src/graph/builder.js'
import { checkLinearOperator } from './harness.js'

interface Pooling {
  readonly features: readonly number[]
  readonly attributes: Record<string, AttributeValue>
  readonly opset?: number
}

const cases: Record<string, Pooling> = {
  'windows side by side': { features: [2, 4, 6], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  'overlapping windows': { features: [2, 5, 6], attributes: { kernel_shape: [3, 2], strides: [2, 1] } },
  'stride larger than the kernel': { features: [1, 9, 8], attributes: { kernel_shape: [2, 2], strides: [4, 3] } },
  'asymmetric pads left out of the mean': {
    features: [2, 5, 5],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 0, 2] },
  },
  'asymmetric pads counted in the mean': {
    features: [2, 5, 5],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 0, 2], count_include_pad: 1 },
  },
  'ceil mode': { features: [2, 6, 5], attributes: { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 } },
  'ceil mode with pads left out': {
    features: [2, 6, 6],
    attributes: { kernel_shape: [3, 3], strides: [3, 3], ceil_mode: 1, pads: [1, 1, 1, 1] },
  },
  'ceil mode with pads counted': {
    features: [2, 6, 7],
    attributes: { kernel_shape: [3, 3], strides: [3, 3], ceil_mode: 1, pads: [1, 1, 1, 1], count_include_pad: 1 },
  },
  'ceil mode whose last window would start in the padding': {
    features: [1, 4, 4],
    attributes: { kernel_shape: [1, 2], strides: [2, 3], ceil_mode: 1, pads: [0, 1, 0, 1] },
  },
  SAME_UPPER: {
    features: [2, 5, 6],
    attributes: { kernel_shape: [2, 3], strides: [1, 2], auto_pad: 'SAME_UPPER' },
  },
  'SAME_LOWER counted': {
    features: [2, 5, 6],
    attributes: { kernel_shape: [2, 3], strides: [1, 2], auto_pad: 'SAME_LOWER', count_include_pad: 1 },
  },
  dilation: {
    features: [2, 7, 7],
    attributes: { kernel_shape: [2, 3], dilations: [3, 2], pads: [1, 1, 1, 1] },
    opset: 19,
  },
  'dilation with pads counted': {
    features: [2, 7, 7],
    attributes: { kernel_shape: [2, 3], dilations: [3, 2], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 },
    opset: 19,
  },
  'one axis': { features: [2, 7], attributes: { kernel_shape: [3], strides: [2], pads: [1, 1] } },
}

test.for(Object.entries(cases))('AveragePool: %s', async ([, { features, attributes, opset = 18 }]) => {
  await checkLinearOperator({
    features,
    opset,
    build: (builder, input) => builder.add('AveragePool', [input], attributes),
  })
})

test.for([[[3, 4, 5]], [[2, 7]], [[2, 2, 3, 2]]])('GlobalAveragePool of %j', async ([features]) => {
  await checkLinearOperator({ features, build: (builder, input) => builder.add('GlobalAveragePool', [input]) })
})
