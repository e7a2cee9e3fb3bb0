import { floatAttribute, type GraphNode, intAttribute } from '../graph/graph.js'
import { foldedRoundings } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { sampleShape } from './samples.js'

/** At inference: y = x·s + (B − mean·s) per channel, s = scale / √(variance + ε). */
const normalization: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const { builder } = context
    const factor = perChannel('factor', absolute, node, context)
    const scaled = builder.add('Mul', [input, factor])
    return [bias ? builder.add('Add', [scaled, perChannel('offset', absolute, node, context)]) : scaled]
  },

  transpose(node, [gradient], context) {
    return [context.builder.add('Mul', [gradient!, perChannel('factor', false, node, context)])]
  },

  // One product and one sum; the others are roundings of the factor and of the offset.
  terms: () => 2 + foldedRoundings,
  fanOut: () => 1 + foldedRoundings,
}

function perChannel(part: 'factor' | 'offset', absolute: boolean, node: GraphNode, context: RuleContext): string {
  const { builder } = context
  return builder.once(`${part} ${absolute ? 'absolute ' : ''}${node.outputs[0]}`, () => {
    const [scale, shift, mean, variance] = node.inputs
      .slice(1)
      .map((input) => context.constant(input)!.data as Float32Array)
    const epsilon = floatAttribute(node, 'epsilon', 1e-5)
    const size = absolute ? Math.abs : (value: number) => value
    const factors = Array.from(scale, (value, channel) => value / Math.sqrt(variance[channel] + epsilon))
    // The runtime adds both parts of the offset: where they cancel, its rounding error follows the parts.
    const values =
      part === 'factor'
        ? factors.map(size)
        : factors.map((factor, channel) => size(shift[channel]) + size(-mean[channel] * factor))
    const [, ...positions] = sampleShape(node.inputs[0], node, context)
    return builder.floats(values, [values.length, ...positions.map(() => 1)])
  })
}

export const batchNormalization: Operator = {
  name: 'BatchNormalization',
  linear(node, context) {
    const isInference = intAttribute(node, 'training_mode', 0) === 0
    const isKnown = node.inputs.slice(1).every((input) => context.constant(input))
    return isInference && isKnown ? normalization : undefined
  },
}
