import { float, GraphBuilder } from '../graph/builder.js'
import { encodeModel } from '../graph/encode.js'

/** A layer, with its weights as plain numbers, so that a network can be printed and pasted into a test. */
export type NetworkLayer =
  | {
      readonly layer: 'dense'
      /** [outputs][inputs] */
      readonly weights: readonly (readonly number[])[]
      readonly bias: readonly number[]
    }
  | {
      readonly layer: 'convolution'
      /** [outputs][inputs / groups][height][width] */
      readonly weights: readonly (readonly (readonly (readonly number[])[])[])[]
      readonly bias: readonly number[]
      readonly stride: number
      readonly padding: number
      readonly dilation: number
      readonly groups: number
    }
  | { readonly layer: 'activation'; readonly operator: Activation }
  | {
      readonly layer: 'pool'
      readonly operator: 'MaxPool' | 'AveragePool' | 'LpPool'
      readonly kernel: number
      readonly stride: number
      readonly padding: number
    }
  | {
      readonly layer: 'batch normalization'
      readonly scale: readonly number[]
      readonly bias: readonly number[]
      readonly mean: readonly number[]
      readonly variance: readonly number[]
    }
  | {
      readonly layer: 'local response normalization'
      readonly size: number
      readonly alpha: number
      readonly beta: number
      readonly bias: number
    }

export const activations = ['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh'] as const
export type Activation = (typeof activations)[number]

/** A classifier small enough to print. A dense layer flattens what comes before it. */
export interface Network {
  /** Shape of one input: [features] or [channels, height, width]. */
  readonly inputShape: readonly number[]
  readonly layers: readonly NetworkLayer[]
}

/** The network as the bytes of an ONNX file, for `loadModel`. */
export function networkModel({ inputShape, layers }: Network): Uint8Array {
  const builder = new GraphBuilder(18)
  let value = builder.input('input', 'float32', ['batch', ...inputShape])
  let isImage = inputShape.length > 1
  for (const layer of layers) {
    // Nothing to flatten between dense layers: bounds of perceptrons need not know the operator.
    if (layer.layer === 'dense' && isImage) value = builder.add('Flatten', [value])
    isImage &&= layer.layer !== 'dense'
    value = emitLayer(builder, value, layer)
  }
  builder.output('logits', value)
  return encodeModel(builder.build())
}

function emitLayer(builder: GraphBuilder, value: string, layer: NetworkLayer): string {
  switch (layer.layer) {
    case 'dense': {
      const { weights, bias } = layer
      const matrix = builder.floats(weights.flat(), [weights.length, weights[0].length])
      return builder.add('Gemm', [value, matrix, builder.floats(bias)], { transB: 1 })
    }
    case 'convolution': {
      const { weights, bias, stride, padding, dilation, groups } = layer
      const [height, width] = [weights[0][0].length, weights[0][0][0].length]
      const shape = [weights.length, weights[0].length, height, width]
      const kernel = builder.floats(weights.flat(3), shape)
      return builder.add('Conv', [value, kernel, builder.floats(bias)], {
        kernel_shape: [height, width],
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
        dilations: [dilation, dilation],
        group: groups,
      })
    }
    case 'activation':
      return builder.add(layer.operator, [value])
    case 'pool': {
      const { operator, kernel, stride, padding } = layer
      return builder.add(operator, [value], {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
      })
    }
    case 'batch normalization': {
      const { scale, bias, mean, variance } = layer
      const parameters = [scale, bias, mean, variance].map((values) => builder.floats(values))
      return builder.add('BatchNormalization', [value, ...parameters])
    }
    case 'local response normalization': {
      const { size, alpha, beta, bias } = layer
      return builder.add('LRN', [value], { size, alpha: float(alpha), beta: float(beta), bias: float(bias) })
    }
  }
}
