import { test } from 'vitest'
import type { AttributeValue } from '../../src/graph/builder.js'
import { checkLinearOperator, normals } from './harness.js'

interface Convolution {
  readonly features: readonly number[]
  readonly weight: readonly number[]
  readonly attributes?: Record<string, AttributeValue>
}

const cases: Record<string, Convolution> = {
  'no pads': { features: [2, 3, 4], weight: [2, 3, 3, 2] },
  stride: { features: [2, 3, 3], weight: [2, 3, 2, 2], attributes: { strides: [2, 2] } },
  'stride larger than the kernel': { features: [2, 3, 3], weight: [2, 1, 2, 2], attributes: { strides: [3, 3] } },
  'asymmetric pads': { features: [2, 4, 4], weight: [2, 3, 3, 3], attributes: { pads: [1, 0, 0, 2], strides: [2, 1] } },
  'output padding': {
    features: [2, 3, 3],
    weight: [2, 3, 3, 3],
    attributes: { strides: [2, 3], pads: [1, 1, 1, 1], output_padding: [1, 2] },
  },
  'output shape with an odd pad': {
    features: [2, 3, 3],
    weight: [2, 3, 3, 3],
    attributes: { strides: [2, 2], output_shape: [6, 5] },
  },
  SAME_UPPER: { features: [2, 3, 3], weight: [2, 3, 3, 3], attributes: { strides: [2, 1], auto_pad: 'SAME_UPPER' } },
  SAME_LOWER: { features: [2, 3, 3], weight: [2, 3, 3, 3], attributes: { strides: [2, 1], auto_pad: 'SAME_LOWER' } },
  groups: { features: [4, 3, 3], weight: [4, 3, 2, 2], attributes: { group: 2, strides: [2, 1] } },
  depthwise: { features: [3, 4, 4], weight: [3, 1, 3, 3], attributes: { group: 3, pads: [1, 1, 1, 1] } },
  dilation: { features: [2, 4, 4], weight: [2, 3, 2, 3], attributes: { dilations: [3, 2], pads: [1, 1, 1, 1] } },
  'one axis': { features: [2, 5], weight: [2, 3, 3], attributes: { strides: [2] } },
}

test.for(Object.entries(cases))('ConvTranspose: %s', async ([, { features, weight, attributes = {} }]) => {
  const channels = weight[1] * Number(attributes.group ?? 1)
  await checkLinearOperator({
    features,
    build: (builder, input, random) =>
      builder.add(
        'ConvTranspose',
        [input, normals(builder, random, weight), normals(builder, random, [channels])],
        attributes,
      ),
  })
})
