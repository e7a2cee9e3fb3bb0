import { type AttributeValue, GraphBuilder } from '../src/graph/builder.js'
import { encodeModel } from '../src/graph/encode.js'
import type { Graph } from '../src/graph/graph.js'

export interface Layer {
  /** weights[output][input] */
  readonly weights: readonly (readonly number[])[]
  readonly bias?: readonly number[]
  readonly activation?: 'Relu' | 'Sigmoid' | 'Tanh' | 'LeakyRelu'
}

/** Units that add up to |x₀ − x₁| + |x₀ + x₁ − 1|: at most 1 in the unit square, with equality on its border. */
export const squareUnits: Layer = {
  weights: [
    [1, -1],
    [-1, 1],
    [1, 1],
    [-1, -1],
  ],
  bias: [0, 0, -1, 1],
  activation: 'Relu',
}

/** A fully connected network, small enough to compute by hand, as the bytes of an ONNX file. */
export function denseModel(...layers: readonly Layer[]): Uint8Array {
  return encodeModel(denseGraph(...layers))
}

export function denseGraph(...layers: readonly Layer[]): Graph {
  return graphOf([layers[0].weights[0].length], (builder, input) => {
    let value = input
    for (const { weights, bias, activation } of layers) {
      const inputs = [value, builder.floats(weights.flat(), [weights.length, weights[0].length])]
      if (bias) inputs.push(builder.floats(bias))
      value = builder.add('Gemm', inputs, { transB: 1 })
      if (activation) value = builder.add(activation, [value])
    }
    return value
  })
}

/** A graph with one input of the given feature shape and the output "logits". */
export function graphOf(
  featureShape: readonly number[],
  body: (builder: GraphBuilder, input: string) => string,
  batch: number | string = 'batch',
): Graph {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', [batch, ...featureShape])
  builder.output('logits', body(builder, input))
  return builder.build()
}

/** One operator between input and logits. */
export function operatorModel(
  featureShape: readonly number[],
  operator: string,
  attributes: Record<string, AttributeValue> = {},
): Uint8Array {
  return encodeModel(graphOf(featureShape, (builder, input) => builder.add(operator, [input], attributes)))
}
