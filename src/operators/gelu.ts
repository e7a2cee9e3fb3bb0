import type { GraphBuilder } from '../graph/builder.js'
import { type GraphNode, stringAttribute } from '../graph/graph.js'
import { emitErf } from './erf.js'
import type { Operator } from './operator.js'

/** y = x·Φ(x) with the normal distribution function, or the usual approximation of it by tanh */
export const gelu: Operator = {
  name: 'Gelu',
  elementwise: {
    derivative(node, { builder, value }) {
      const input = value(node.inputs[0])
      const { gate, slope } = gateOf(node, input, builder)
      return builder.add('Add', [gate, builder.add('Mul', [input, slope])])
    },
  },

  lower: (node, [input], { builder }) => [builder.add('Mul', [input, gateOf(node, input, builder).gate])],
}

/** Φ or its approximation, with its derivative. */
function gateOf(node: GraphNode, input: string, builder: GraphBuilder): { gate: string; slope: string } {
  const times = (value: string, factor: number) => builder.add('Mul', [value, builder.scalar(factor)])
  const plusOne = (value: string) => builder.add('Add', [value, builder.scalar(1)])
  const square = builder.add('Mul', [input, input])
  if (stringAttribute(node, 'approximate', 'none') === 'none') {
    const gate = times(plusOne(emitErf(times(input, Math.SQRT1_2), builder)), 0.5)
    return { gate, slope: times(builder.add('Exp', [times(square, -0.5)]), 1 / Math.sqrt(2 * Math.PI)) }
  }
  // ½(1 + tanh u), u = √(2/π)·(x + c·x³)
  const [factor, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  const argument = builder.add('Mul', [times(input, factor), plusOne(times(square, cubic))])
  const tanh = builder.add('Tanh', [argument])
  const slopeOfTanh = builder.add('Sub', [builder.scalar(1), builder.add('Mul', [tanh, tanh])])
  const slopeOfArgument = times(plusOne(times(square, 3 * cubic)), factor / 2)
  return { gate: times(plusOne(tanh), 0.5), slope: builder.add('Mul', [slopeOfTanh, slopeOfArgument]) }
}
