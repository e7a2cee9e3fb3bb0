import type { GraphBuilder } from '../graph/builder.js'
import { type GraphNode, stringAttribute } from '../graph/graph.js'
import { emitErf } from './erf.js'
import { itself } from './monotone.js'
import type { Operator } from './operator.js'
import { type Wave, waveInterval, waveRelaxation } from './wave-relaxation.js'

// Beyond this the slope is 0 or 1 in float64, and the approximation by tanh has terms that overflow.
const saturation = 10

const wave: Wave = {
  kernel: 'Gelu',
  shape: (node) =>
    isExact(node)
      ? { from: -Math.SQRT2, to: Math.SQRT2, lowest: -0.7517915247, slopeError: 1e-6 }
      : { from: -1.4185040088, to: 1.4185040088, lowest: -0.7524614221, slopeError: 2e-5 },
  evaluate: (input, node, context) =>
    context.builder.precision === 'float32' ? itself(input, node, context) : emitGelu(input, node, context.builder),
  derivative(input, node, { builder }) {
    const inside = builder.add('Clip', [input, builder.scalar(-saturation), builder.scalar(saturation)])
    return emitSlope(inside, node, builder)
  },
}

/** y = x·Φ(x) with the normal distribution function, or the usual approximation of it by tanh */
export const gelu: Operator = {
  name: 'Gelu',
  elementwise: {
    derivative: (node, { builder, value }) => emitSlope(value(node.inputs[0]), node, builder),
  },
  interval: waveInterval(wave),
  relaxation: waveRelaxation(wave),

  lower: (node, [input], { builder }) => [emitGelu(input, node, builder)],
}

function emitGelu(input: string, node: GraphNode, builder: GraphBuilder): string {
  return builder.add('Mul', [input, gateOf(node, input, builder).gate])
}

function emitSlope(input: string, node: GraphNode, builder: GraphBuilder): string {
  const { gate, slope } = gateOf(node, input, builder)
  return builder.add('Add', [gate, builder.add('Mul', [input, slope])])
}

function isExact(node: GraphNode): boolean {
  return stringAttribute(node, 'approximate', 'none') === 'none'
}

/** Φ or its approximation, with its derivative. */
function gateOf(node: GraphNode, input: string, builder: GraphBuilder): { gate: string; slope: string } {
  const times = (value: string, factor: number) => builder.add('Mul', [value, builder.scalar(factor)])
  const plusOne = (value: string) => builder.add('Add', [value, builder.scalar(1)])
  const square = builder.add('Mul', [input, input])
  if (isExact(node)) {
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
