import { test } from 'vitest'
import type { AttributeValue } from '../../src/graph/builder.js'
import { checkLinearOperator, normals } from './harness.js'

interface Convolution {
  readonly features: readonly number[]
  readonly weight: readonly number[]
  readonly attributes?: Record<string, AttributeValue>
}

const cases: Record<string, Convolution> = {
  'valid padding': { features: [2, 5, 6], weight: [3, 2, 3, 2] },
  'same padding': { features: [2, 5, 5], weight: [3, 2, 3, 3], attributes: { pads: [1, 1, 1, 1] } },
  'same padding, channels that fill layout blocks': {
    features: [8, 4, 4],
    weight: [8, 8, 3, 3],
    attributes: { pads: [1, 1, 1, 1] },
  },
  'valid padding, channels that fill layout blocks': { features: [8, 9, 9], weight: [8, 8, 2, 3] },
  'asymmetric pads': { features: [2, 5, 5], weight: [3, 2, 3, 3], attributes: { pads: [0, 2, 1, 0] } },
  'pads wider than the kernel': { features: [1, 3, 3], weight: [2, 1, 2, 2], attributes: { pads: [3, 2, 2, 3] } },
  'stride with positions that no window reaches': {
    features: [2, 8, 7],
    weight: [3, 2, 3, 3],
    attributes: { strides: [3, 2] },
  },
  'stride larger than the kernel': { features: [2, 9, 8], weight: [3, 2, 2, 2], attributes: { strides: [4, 3] } },
  'stride and asymmetric pads': {
    features: [2, 6, 7],
    weight: [3, 2, 3, 3],
    attributes: { strides: [2, 2], pads: [0, 0, 1, 1] },
  },
  dilation: { features: [2, 7, 8], weight: [3, 2, 3, 2], attributes: { dilations: [2, 3], pads: [2, 1, 2, 1] } },
  'dilation and stride': {
    features: [1, 9, 9],
    weight: [2, 1, 3, 3],
    attributes: { dilations: [2, 2], strides: [2, 3], pads: [1, 1, 1, 1] },
  },
  groups: { features: [4, 5, 5], weight: [6, 2, 3, 3], attributes: { group: 2, pads: [1, 1, 1, 1] } },
  'groups and stride': { features: [4, 6, 6], weight: [6, 2, 3, 3], attributes: { group: 2, strides: [2, 2] } },
  'groups whose transpose is mostly padding': { features: [4, 5, 5], weight: [6, 2, 4, 4], attributes: { group: 2 } },
  depthwise: { features: [3, 5, 5], weight: [3, 1, 3, 3], attributes: { group: 3, pads: [1, 1, 1, 1] } },
  'depthwise with a channel multiplier and stride': {
    features: [3, 6, 6],
    weight: [6, 1, 3, 3],
    attributes: { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  'SAME_UPPER with an odd pad': {
    features: [2, 5, 6],
    weight: [3, 2, 2, 3],
    attributes: { auto_pad: 'SAME_UPPER', strides: [1, 2] },
  },
  'SAME_LOWER with an odd pad': {
    features: [2, 5, 6],
    weight: [3, 2, 2, 3],
    attributes: { auto_pad: 'SAME_LOWER', strides: [1, 2] },
  },
  'VALID with stride': {
    features: [2, 6, 6],
    weight: [3, 2, 3, 3],
    attributes: { auto_pad: 'VALID', strides: [2, 2] },
  },
  '1×1 kernel': { features: [3, 3, 3], weight: [4, 3, 1, 1] },
  'one axis': { features: [2, 9], weight: [3, 2, 3], attributes: { strides: [2], pads: [1, 0] } },
  'three axes': {
    features: [2, 3, 4, 4],
    weight: [2, 2, 2, 2, 3],
    attributes: { strides: [1, 2, 1], pads: [1, 0, 1, 0, 1, 1] },
  },
}

test.for(Object.entries(cases))('Conv: %s', async ([, { features, weight, attributes }]) => {
  await checkLinearOperator({
    features,
    build: (builder, input, random) =>
      builder.add('Conv', [input, normals(builder, random, weight), normals(builder, random, [weight[0]])], attributes),
  })
})

test('Conv without bias', async () => {
  await checkLinearOperator({
    features: [2, 4, 4],
    build: (builder, input, random) => builder.add('Conv', [input, normals(builder, random, [3, 2, 3, 3])]),
  })
})
