import type { GraphBuilder } from '../graph/builder.js'
import { type Bend, convexRelaxation, increasingInterval } from './convex-relaxation.js'
import type { Operator } from './operator.js'

/** Not onnxruntime's Softplus, so that bounds of saturated units keep their relative accuracy. */
const bend: Bend = {
  kernel: 'Softplus',
  curvature: () => 'convex',
  evaluate: (input, _node, { builder }) => emitSoftplus(input, builder),
  derivative: (input, _node, { builder }) => logistic(input, builder),
}

/** y = log(1 + e^x) */
export const softplus: Operator = {
  name: 'Softplus',
  elementwise: { derivative: (node, { builder, value }) => logistic(value(node.inputs[0]), builder) },
  interval: increasingInterval(bend),
  relaxation: convexRelaxation(bend),

  lower: (_node, [input], { builder }) => [emitSoftplus(input, builder)],
}

/**
 * 1 / (1 + e^−x). Not onnxruntime's Sigmoid, whose float32 kernel has no relative accuracy for negative inputs. Where
 * e^−x overflows, its reciprocal is the right 0.
 */
function logistic(input: string, builder: GraphBuilder): string {
  const power = builder.add('Exp', [builder.add('Neg', [input])])
  return builder.add('Reciprocal', [builder.add('Add', [power, builder.scalar(1)])])
}

/** log(1 + e^x) with relative accuracy everywhere, which onnxruntime's Softplus lacks for negative inputs. */
export function emitSoftplus(
  input: string,
  builder: GraphBuilder,
  emitLogarithm = (value: string, _: GraphBuilder) => builder.add('Log', [value]),
): string {
  const power = builder.add('Exp', [builder.add('Neg', [builder.add('Abs', [input])])])
  // Rounding 1 + p costs the digits of p; log(1 + p)·p / ((1 + p) − 1) makes up for it.
  const one = builder.scalar(1)
  const sum = builder.add('Add', [power, one])
  const ratio = builder.add('Div', [power, builder.add('Sub', [sum, one])])
  const corrected = builder.add('Mul', [emitLogarithm(sum, builder), ratio])
  const tail = builder.add('Where', [builder.add('Equal', [sum, one]), power, corrected])
  return builder.add('Add', [builder.add('Relu', [input]), tail])
}
