import type { GraphBuilder } from '../graph/builder.js'
import type { Operator } from './operator.js'

/**
 * e^−|x| / (1 + e^−|x|)², the derivative of the logistic function. The usual s·(1 − s) cancels on saturated units, and
 * onnxruntime's float32 Sigmoid is not accurate near 0 either.
 */
function logisticSlope(input: string, builder: GraphBuilder): string {
  const power = builder.add('Exp', [builder.add('Neg', [builder.add('Abs', [input])])])
  const sum = builder.add('Add', [power, builder.scalar(1)])
  return builder.add('Div', [power, builder.add('Mul', [sum, sum])])
}

export const sigmoid: Operator = {
  name: 'Sigmoid',
  elementwise: {
    derivative: (node, { builder, value }) => logisticSlope(value(node.inputs[0]), builder),
  },
}

/** tanh(x) = 2σ(2x) − 1 */
export const tanh: Operator = {
  name: 'Tanh',
  elementwise: {
    derivative(node, { builder, value }) {
      const doubled = builder.add('Mul', [value(node.inputs[0]), builder.scalar(2)])
      return builder.add('Mul', [logisticSlope(doubled, builder), builder.scalar(4)])
    },
  },
}
