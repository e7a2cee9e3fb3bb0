import { describe, expect, test } from 'vitest'
import type { AttributeValue, GraphBuilder } from '../../src/graph/builder.js'
import { elementCount } from '../../src/graph/graph.js'
import { windows } from '../../src/operators/windows.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { differentiate } from './differentiate.js'
import { checkOperator } from './harness.js'

interface Pooling {
  readonly features: readonly number[]
  readonly kernel: readonly number[]
  readonly strides?: readonly number[]
  readonly pads?: readonly number[]
  readonly dilations?: readonly number[]
  readonly ceilMode?: boolean
}

const cases: Record<string, Pooling> = {
  'tiles of 2 by 2': { features: [3, 4, 6], kernel: [2, 2], strides: [2, 2] },
  'tiles of 3 by 2': { features: [2, 6, 4], kernel: [3, 2], strides: [3, 2] },
  'tiles on one axis': { features: [2, 6], kernel: [3], strides: [3] },
  'tiles on three axes': { features: [2, 2, 4, 6], kernel: [1, 2, 3], strides: [1, 2, 3] },
  'windows that leave out the border': { features: [2, 5, 7], kernel: [2, 2], strides: [2, 2] },
  'overlapping windows with padding': { features: [3, 7, 6], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  'many channels': { features: [33, 5, 6], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  'overlapping windows on one axis': { features: [2, 8], kernel: [3] },
  'asymmetric pads': { features: [2, 4, 5], kernel: [2, 3], strides: [1, 2], pads: [1, 0, 0, 2] },
  gaps: { features: [2, 7, 7], kernel: [2, 2], strides: [3, 4] },
  dilations: { features: [2, 7, 8], kernel: [2, 3], dilations: [3, 2], pads: [1, 1, 1, 1] },
  'ceil mode': { features: [2, 6, 5], kernel: [3, 2], strides: [2, 2], ceilMode: true },
  'ceil mode with padding': {
    features: [2, 6, 7],
    kernel: [3, 3],
    strides: [3, 3],
    pads: [1, 1, 1, 1],
    ceilMode: true,
  },
  'ceil mode whose last window would start in the padding': {
    features: [1, 4, 4],
    kernel: [1, 2],
    strides: [2, 3],
    pads: [0, 1, 0, 1],
    ceilMode: true,
  },
}

function pool({ kernel, strides, pads, dilations, ceilMode }: Pooling) {
  const attributes: Record<string, AttributeValue> = {
    kernel_shape: kernel,
    ...(strides && { strides }),
    ...(pads && { pads }),
    ...(dilations && { dilations }),
    ...(ceilMode && { ceil_mode: 1 }),
  }
  return (builder: GraphBuilder, input: string) => builder.add('MaxPool', [input], attributes)
}

test.for(Object.entries(cases))('MaxPool: %s', async ([, pooling]) => {
  await checkOperator({ features: pooling.features, build: pool(pooling) })
})

test.for(['SAME_UPPER', 'SAME_LOWER'])('MaxPool: %s', async (mode) => {
  await checkOperator({
    features: [2, 5, 6],
    build: (builder, input) =>
      builder.add('MaxPool', [input], { kernel_shape: [2, 3], strides: [1, 2], auto_pad: mode }),
  })
})

test.for([[[3, 4, 5]], [[2, 7]], [[2, 2, 3, 2]]])('GlobalMaxPool of %j', async ([features]) => {
  await checkOperator({ features, build: (builder, input) => builder.add('GlobalMaxPool', [input]) })
})

/** Which input position each window takes: the first of equal maxima. */
function firstMaxima(pooling: Pooling, input: readonly number[]): number[] {
  const [channels, ...inputSizes] = pooling.features
  const { kernel, ceilMode = false } = pooling
  const { strides = kernel.map(() => 1), dilations = kernel.map(() => 1) } = pooling
  const { pads = kernel.flatMap(() => [0, 0]) } = pooling
  const { outputSizes, taps } = windows({ inputSizes, kernel, strides, pads, dilations, ceilMode })
  const [outputs, elements] = [elementCount(outputSizes), elementCount(kernel)]
  return Array.from({ length: channels * outputs }, (_, window) => {
    const offset = Math.floor(window / outputs) * elementCount(inputSizes)
    const start = (window % outputs) * elements
    const positions = Array.from(taps.subarray(start, start + elements)).filter((tap) => tap >= 0)
    return positions.map((tap) => offset + tap).reduce((best, next) => (input[next] > input[best] ? next : best))
  })
}

describe.for(['float32', 'float64'] as const)('ties in %s', (precision) => {
  test.for(Object.entries(cases))('go to the first maximum: %s', async ([, pooling]) => {
    const random = randomSource(seed)
    const size = elementCount(pooling.features)
    // Few distinct values, negative ones among them, so that most windows tie and padding is no maximum.
    const input = Array.from({ length: size }, () => Math.floor(3 * random.uniform()) - 2)
    const { gradient, tangent } = await differentiate(
      { features: pooling.features, input, build: pool(pooling) },
      precision,
      { ranked: true },
    )
    const chosen = firstMaxima(pooling, input)
    const expected = input.map(() => 0)
    chosen.forEach((position, window) => {
      expected[position] += window + 1
    })
    expect(gradient).toEqual(expected)
    expect(tangent).toEqual(chosen.map((position) => position + 1))
  })

  test('go to the first maximum: GlobalMaxPool', async () => {
    const point = {
      features: [2, 2, 3],
      input: [-1, -1, -2, -1, -2, -1, 0, 1, 0, 1, 1, 0],
      build: (builder: GraphBuilder, input: string) => builder.add('GlobalMaxPool', [input]),
    }
    const { gradient, tangent } = await differentiate(point, precision, { ranked: true })
    expect(gradient).toEqual([1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
    expect(tangent).toEqual([1, 8])
  })
})

test('refuses a MaxPool whose indices are used', async () => {
  const build = (builder: GraphBuilder, input: string) => {
    const [maxima, indices] = builder.addMany('MaxPool', [input], 2, { kernel_shape: [2, 2], strides: [2, 2] })
    return builder.add('Add', [maxima, builder.add('Cast', [indices], { to: 1 })])
  }
  const point = { features: [1, 2, 2], input: [1, 2, 3, 4], build }
  await expect(differentiate(point, 'float32')).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR' })
})

test('accepts a MaxPool whose indices nobody reads', async () => {
  const build = (builder: GraphBuilder, input: string) =>
    builder.addMany('MaxPool', [input], 2, { kernel_shape: [2, 2], strides: [2, 2] })[0]
  const { gradient } = await differentiate({ features: [1, 2, 2], input: [1, 2, 3, 3], build }, 'float32')
  expect(gradient).toEqual([0, 0, 1, 0])
})
