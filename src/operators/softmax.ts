import { type GraphNode, intAttribute } from '../graph/graph.js'
import type { DerivativeContext, Operator } from './operator.js'
import { sampleAxis } from './samples.js'

function normalisedAxis(node: GraphNode, context: DerivativeContext): number {
  return sampleAxis(intAttribute(node, 'axis', -1), context.shape(node.inputs[0]).length, node)
}

/** p·(v − Σ p·v): the Jacobian of Softmax is symmetric, so that this is its product with v from either side. */
function softmaxProduct(node: GraphNode, vector: string, context: DerivativeContext): string {
  const { builder } = context
  const axis = normalisedAxis(node, context)
  const probabilities = context.rows(context.value(node.outputs[0]))
  const mean = builder.add('ReduceSum', [builder.add('Mul', [probabilities, vector]), builder.ints([axis])])
  return builder.add('Mul', [probabilities, builder.add('Sub', [vector, mean])])
}

export const softmax: Operator = {
  name: 'Softmax',
  derivative: {
    vjp: (node, [gradient], context) => [softmaxProduct(node, gradient!, context)],
    jvp: (node, [tangent], context) => [softmaxProduct(node, tangent!, context)],
  },
}

export const logSoftmax: Operator = {
  name: 'LogSoftmax',
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const axis = normalisedAxis(node, context)
      const probabilities = context.rows(builder.add('Exp', [context.value(node.outputs[0])]))
      const sum = builder.add('ReduceSum', [gradient!, builder.ints([axis])])
      return [builder.add('Sub', [gradient!, builder.add('Mul', [probabilities, sum])])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const axis = normalisedAxis(node, context)
      const probabilities = context.rows(builder.add('Exp', [context.value(node.outputs[0])]))
      const mean = builder.add('ReduceSum', [builder.add('Mul', [probabilities, tangent!]), builder.ints([axis])])
      return [builder.add('Sub', [tangent!, mean])]
    },
  },
}
