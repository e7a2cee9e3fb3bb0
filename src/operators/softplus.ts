import type { GraphBuilder } from '../graph/builder.js'
import type { Operator } from './operator.js'

/** y = log(1 + e^x) */
export const softplus: Operator = {
  name: 'Softplus',
  elementwise: {
    // Not onnxruntime's Sigmoid, whose float32 kernel has no relative accuracy for negative inputs. Where e^−x
    // overflows, its reciprocal is the right 0.
    derivative(node, { builder, value }) {
      const power = builder.add('Exp', [builder.add('Neg', [value(node.inputs[0])])])
      return builder.add('Reciprocal', [builder.add('Add', [power, builder.scalar(1)])])
    },
  },

  lower: (_node, [input], { builder }) => [emitSoftplus(input, builder)],
}

/** log(1 + e^x) with relative accuracy everywhere, which onnxruntime's Softplus lacks for negative inputs. */
export function emitSoftplus(input: string, builder: GraphBuilder): string {
  const power = builder.add('Exp', [builder.add('Neg', [builder.add('Abs', [input])])])
  // Rounding 1 + p costs the digits of p; log(1 + p)·p / ((1 + p) − 1) makes up for it.
  const one = builder.scalar(1)
  const sum = builder.add('Add', [power, one])
  const ratio = builder.add('Div', [power, builder.add('Sub', [sum, one])])
  const corrected = builder.add('Mul', [builder.add('Log', [sum]), ratio])
  const tail = builder.add('Where', [builder.add('Equal', [sum, one]), power, corrected])
  return builder.add('Add', [builder.add('Relu', [input]), tail])
}
