import type { GraphBuilder } from '../graph/builder.js'
import { itself, monotone } from './monotone.js'
import type { Operator } from './operator.js'
import { sShapeRelaxation } from './s-shape.js'

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
  interval: monotone(itself, ({ rounding }) => 2 * rounding.kernelError('Sigmoid')),
  relaxation: sShapeRelaxation({
    kernel: 'Sigmoid',
    sum: 1,
    steepest: 0.25,
    evaluate: (input, builder) => builder.add('Sigmoid', [input]),
    derivative: logisticSlope,
    whereSteep: steepLogistic,
  }),
}

/** tanh(x) = 2σ(2x) − 1 */
export const tanh: Operator = {
  name: 'Tanh',
  elementwise: {
    derivative(node, { builder, value }) {
      return tanhSlope(value(node.inputs[0]), builder)
    },
  },
  interval: monotone(itself, ({ rounding }) => 2 * rounding.kernelError('Tanh')),
  relaxation: sShapeRelaxation({
    kernel: 'Tanh',
    sum: 0,
    steepest: 1,
    evaluate: (input, builder) => builder.add('Tanh', [input]),
    derivative: tanhSlope,
    // tanh′(x) = 4σ′(2x)
    whereSteep: (slope, builder) =>
      builder.add('Mul', [
        steepLogistic(builder.add('Mul', [slope, builder.scalar(0.25)]), builder),
        builder.scalar(0.5),
      ]),
  }),
}

function tanhSlope(input: string, builder: GraphBuilder): string {
  const doubled = builder.add('Mul', [input, builder.scalar(2)])
  return builder.add('Mul', [logisticSlope(doubled, builder), builder.scalar(4)])
}

/** The x ≥ 0 with s·(1 − s) = slope for s = σ(x): x = ln(s / (1 − s)) = ln(s² / slope). */
function steepLogistic(slope: string, builder: GraphBuilder): string {
  const root = builder.add('Sqrt', [
    builder.add('Max', [
      builder.add('Sub', [builder.scalar(1), builder.add('Mul', [slope, builder.scalar(4)])]),
      builder.scalar(0),
    ]),
  ])
  const value = builder.add('Mul', [builder.add('Add', [root, builder.scalar(1)]), builder.scalar(0.5)])
  return builder.add('Log', [builder.add('Div', [builder.add('Mul', [value, value]), slope])])
}
