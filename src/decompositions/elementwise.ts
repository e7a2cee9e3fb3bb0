import type { GraphBuilder } from '../graph/builder.js'
import { float } from '../graph/builder.js'
import { floatAttribute, type GraphNode } from '../graph/graph.js'
import type { Decomposition } from './decomposition.js'

/** Elementwise operators; the runtime's own kernels, where it has one, do what the parts do. */
const parts: Record<string, (node: GraphNode, inputs: readonly string[], builder: GraphBuilder) => string | undefined> =
  {
    Mish: (_node, [x], builder) => builder.add('Mul', [x, builder.add('Tanh', [builder.add('Softplus', [x])])]),

    Swish(node, [x], builder) {
      const scaled = builder.add('Mul', [x, builder.scalar(floatAttribute(node, 'alpha', 1))])
      return builder.add('Mul', [x, builder.add('Sigmoid', [scaled])])
    },

    Softsign: (_node, [x], builder) =>
      builder.add('Div', [x, builder.add('Add', [builder.add('Abs', [x]), builder.scalar(1)])]),

    Selu(node, [x], builder) {
      const alpha = floatAttribute(node, 'alpha', 1.6732632)
      const gamma = builder.scalar(floatAttribute(node, 'gamma', 1.050701))
      if (alpha <= 1) return builder.add('Mul', [builder.add('Elu', [x], { alpha: float(alpha) }), gamma])
      // Elu bends one way for alphas of at most 1: above 0, where α·x is too steep, Relu makes up for it.
      const steep = builder.add('Mul', [builder.add('Elu', [x]), builder.scalar(alpha)])
      const excess = builder.add('Mul', [builder.add('Relu', [x]), builder.scalar(alpha - 1)])
      return builder.add('Mul', [builder.add('Sub', [steep, excess]), gamma])
    },

    Celu(node, [x], builder) {
      const alpha = floatAttribute(node, 'alpha', 1)
      // Elu would bend the other half of a negative one.
      if (alpha <= 0) return undefined
      const scale = builder.scalar(alpha)
      return builder.add('Mul', [builder.add('Elu', [builder.add('Div', [x, scale])]), scale])
    },

    ThresholdedRelu(node, [x], builder) {
      const isAbove = builder.add('Greater', [x, builder.scalar(floatAttribute(node, 'alpha', 1))])
      return builder.add('Where', [isAbove, x, builder.scalar(0)])
    },

    Shrink(node, [x], builder) {
      const [threshold, bias] = [floatAttribute(node, 'lambd', 0.5), floatAttribute(node, 'bias', 0)]
      const isBelow = builder.add('Less', [x, builder.scalar(-threshold)])
      const isAbove = builder.add('Greater', [x, builder.scalar(threshold)])
      const [raised, lowered] = [
        builder.add('Add', [x, builder.scalar(bias)]),
        builder.add('Sub', [x, builder.scalar(bias)]),
      ]
      return builder.add('Where', [isBelow, raised, builder.add('Where', [isAbove, lowered, builder.scalar(0)])])
    },

    Reciprocal: (_node, [x], builder) => builder.add('Div', [builder.scalar(1), x]),

    Sum: (_node, inputs, builder) => inputs.reduce((sum, input) => builder.add('Add', [sum, input])),

    Mean(_node, inputs, builder) {
      const sum = inputs.reduce((left, right) => builder.add('Add', [left, right]))
      return builder.add('Div', [sum, builder.scalar(inputs.length)])
    },
  }

/** Jumps, of which there are no bounds. */
const jumps = new Set(['ThresholdedRelu', 'Shrink'])

export const elementwise: readonly Decomposition[] = Object.entries(parts).map(([operator, emit]) => ({
  operator,
  coversRounding: !jumps.has(operator),
  decompose(node, { builder }) {
    const result = emit(node, node.inputs, builder)
    return result === undefined ? undefined : [result]
  },
}))
