import { type AttributeValue, float, type GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import type { RandomSource } from '../../src/sampling/random.js'
import { graphOf } from '../tiny-models.js'

/** Builds the layers of small networks with random weights. */
export class Layers {
  readonly builder: GraphBuilder
  readonly #random: RandomSource

  constructor(builder: GraphBuilder, random: RandomSource) {
    this.builder = builder
    this.#random = random
  }

  numbers(shape: readonly number[], scale = 1): string {
    const count = shape.reduce((product, size) => product * size, 1)
    return this.builder.floats(
      Array.from({ length: count }, () => scale * this.#random.normal()),
      shape,
    )
  }

  dense(value: string, inputs: number, outputs: number): string {
    const weights = this.numbers([outputs, inputs], 1 / Math.sqrt(inputs))
    return this.builder.add('Gemm', [value, weights, this.numbers([outputs], 0.3)], { transB: 1 })
  }

  conv(
    value: string,
    inputs: number,
    outputs: number,
    kernel: number,
    attributes: Record<string, AttributeValue> = {},
  ): string {
    const weights = this.numbers([outputs, inputs, kernel, kernel], 1 / Math.sqrt(inputs * kernel * kernel))
    return this.builder.add('Conv', [value, weights, this.numbers([outputs], 0.3)], attributes)
  }

  batchNormalization(value: string, channels: number): string {
    const variance = this.builder.floats(Array.from({ length: channels }, () => 0.5 + this.#random.uniform()))
    const others = [0, 1, 2].map(() => this.numbers([channels]))
    return this.builder.add('BatchNormalization', [value, ...others, variance], { epsilon: float(1e-3) })
  }

  act(operator: string, value: string): string {
    return this.builder.add(operator, [value], operator === 'LeakyRelu' ? { alpha: float(0.1) } : undefined)
  }

  flatten(value: string): string {
    return this.builder.add('Flatten', [value])
  }
}

export interface Architecture {
  readonly featureShape: readonly number[]
  build(layers: Layers, input: string): string
}

const mlp = (activation: string): Architecture => ({
  featureShape: [6],
  build(layers, input) {
    const first = layers.act(activation, layers.dense(input, 6, 12))
    const second = layers.act(activation, layers.dense(first, 12, 10))
    return layers.dense(second, 10, 4)
  },
})

const pool = (attributes: Record<string, AttributeValue>, size: number): Architecture => ({
  featureShape: [1, 7, 7],
  build(layers, input) {
    const first = layers.act('Relu', layers.conv(input, 1, 3, 2))
    const pooled = layers.builder.add('MaxPool', [first], attributes)
    return layers.dense(layers.flatten(pooled), 3 * size * size, 3)
  },
})

/** Every operator and every way of combining them that bounds have rules for. */
export const architectures: Record<string, Architecture> = {
  'Relu MLP': mlp('Relu'),
  'LeakyRelu MLP': mlp('LeakyRelu'),
  'Sigmoid MLP': mlp('Sigmoid'),
  'Tanh MLP': mlp('Tanh'),
  'MaxPool of tiles': pool({ kernel_shape: [2, 2], strides: [2, 2] }, 3),
  'MaxPool of tiles that are not square': {
    featureShape: [2, 4, 6],
    build(layers, input) {
      const pooled = layers.builder.add('MaxPool', [layers.conv(input, 2, 2, 1)], {
        kernel_shape: [2, 3],
        strides: [2, 3],
      })
      return layers.dense(layers.flatten(layers.act('Relu', pooled)), 8, 3)
    },
  },
  'overlapping MaxPool': pool({ kernel_shape: [3, 3], strides: [1, 1] }, 4),
  'padded MaxPool': pool({ kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, 3),
  'MaxPool of Sigmoid': {
    featureShape: [1, 6, 6],
    build(layers, input) {
      const first = layers.act('Sigmoid', layers.conv(input, 1, 3, 3))
      const pooled = layers.builder.add('MaxPool', [first], { kernel_shape: [2, 2], strides: [2, 2] })
      return layers.dense(layers.flatten(pooled), 12, 3)
    },
  },
  'GlobalMaxPool and GlobalAveragePool': {
    featureShape: [2, 5, 5],
    build(layers, input) {
      const first = layers.act('Relu', layers.conv(input, 2, 4, 3))
      const pooled = ['GlobalMaxPool', 'GlobalAveragePool'].map((operator) => layers.builder.add(operator, [first]))
      return layers.dense(layers.flatten(layers.builder.add('Concat', pooled, { axis: 1 })), 8, 3)
    },
  },
  'deep CNN with padding, strides and AveragePool': {
    featureShape: [1, 12, 12],
    build(layers, input) {
      const first = layers.act('Relu', layers.conv(input, 1, 3, 3, { pads: [1, 1, 1, 1] }))
      const second = layers.act('Relu', layers.conv(first, 3, 4, 3, { pads: [1, 1, 1, 1], strides: [2, 2] }))
      const third = layers.act('LeakyRelu', layers.conv(second, 4, 4, 3, { pads: [0, 1, 1, 2] }))
      const pooled = layers.builder.add('AveragePool', [third], { kernel_shape: [2, 2], strides: [2, 2] })
      return layers.dense(layers.flatten(pooled), 4 * 2 * 3, 3)
    },
  },
  'CNN of Sigmoid with padding': {
    featureShape: [1, 12, 12],
    build(layers, input) {
      const first = layers.act('Sigmoid', layers.conv(input, 1, 3, 3, { pads: [1, 1, 1, 1] }))
      const second = layers.act('Sigmoid', layers.conv(first, 3, 3, 3, { pads: [1, 1, 1, 1], dilations: [1, 1] }))
      const third = layers.act('Tanh', layers.conv(second, 3, 3, 3, { pads: [1, 1, 1, 1], strides: [3, 3] }))
      return layers.dense(layers.flatten(third), 48, 3)
    },
  },
  // So wide that rows run in groups of one sample, in crops as well as in the whole network.
  'wide CNN': {
    featureShape: [1, 30, 30],
    build(layers, input) {
      const first = layers.act('Relu', layers.conv(input, 1, 12, 3, { pads: [1, 1, 1, 1] }))
      const pooled = layers.builder.add('AveragePool', [first], { kernel_shape: [4, 4], strides: [4, 4] })
      const second = layers.act('Relu', layers.conv(pooled, 12, 6, 3, { strides: [2, 2] }))
      const third = layers.act('Relu', layers.dense(layers.flatten(second), 54, 12))
      return layers.dense(third, 12, 3)
    },
  },
  'CNN with MaxPool between convolutions': {
    featureShape: [1, 14, 14],
    build(layers, input) {
      const first = layers.act('Relu', layers.conv(input, 1, 3, 3, { pads: [1, 1, 1, 1] }))
      const pooled = layers.builder.add('MaxPool', [first], { kernel_shape: [2, 2], strides: [2, 2] })
      const second = layers.act('Relu', layers.conv(pooled, 3, 4, 3, { pads: [1, 1, 1, 1] }))
      return layers.dense(layers.flatten(second), 4 * 49, 3)
    },
  },
  'residual CNN with BatchNormalization': {
    featureShape: [2, 10, 10],
    build(layers, input) {
      const block = (value: string) => {
        const first = layers.batchNormalization(layers.conv(value, 3, 3, 3, { pads: [1, 1, 1, 1] }), 3)
        const second = layers.conv(layers.act('Relu', first), 3, 3, 3, { pads: [1, 1, 1, 1] })
        return layers.act('Relu', layers.builder.add('Add', [second, value]))
      }
      const stem = layers.act('Relu', layers.conv(layers.batchNormalization(input, 2), 2, 3, 3, { pads: [1, 1, 1, 1] }))
      const last = block(block(stem))
      return layers.dense(layers.flatten(layers.builder.add('GlobalAveragePool', [last])), 3, 3)
    },
  },
  'MLP that keeps its input beside linear functions of it': {
    featureShape: [5],
    build(layers, input) {
      const both = layers.builder.add('Concat', [layers.dense(input, 5, 4), input], { axis: 1 })
      const first = layers.act('Relu', both)
      return layers.dense(layers.act('Relu', layers.dense(first, 9, 6)), 6, 4)
    },
  },
  'residual MLP with three branches': {
    featureShape: [5],
    build(layers, input) {
      const { builder } = layers
      const scaled = builder.add('Div', [builder.add('Sub', [input, builder.scalar(0.5)]), builder.scalar(0.25)])
      const first = layers.act('Relu', layers.dense(scaled, 5, 8))
      const second = layers.act('Relu', layers.dense(first, 8, 8))
      const third = layers.act('Relu', layers.dense(first, 8, 8))
      const sum = builder.add('Sub', [builder.add('Add', [second, first]), builder.add('Neg', [third])])
      return layers.dense(layers.act('Relu', builder.add('Sub', [sum, builder.scalar(1)])), 8, 4)
    },
  },
}

export async function randomModel(
  { featureShape, build }: Architecture,
  random: RandomSource,
  domain: readonly [number, number] = [0, 1],
): Promise<Classifier> {
  const graph = graphOf(featureShape, (builder, input) => build(new Layers(builder, random), input))
  return loadModel(encodeModel(graph), { domain })
}
