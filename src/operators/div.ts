import { broadcastFanOut, operand, reduceToShape, refuseMovedBatch, sumOf } from './broadcast.js'
import { coefficient } from './coefficient.js'
import type { DerivativeRules, LinearRules, Operator } from './operator.js'

/** y = x / c. */
const scaling: LinearRules = {
  apply(node, [input], context, { absolute }) {
    return [context.builder.add('Div', [input, coefficient(node.inputs[1], absolute, context)])]
  },

  transpose(node, [gradient], context) {
    const [input, divisor] = node.inputs
    const scaled = context.builder.add('Div', [gradient!, coefficient(divisor, false, context)])
    return [reduceToShape(scaled, context.shape(node.outputs[0]), context.shape(input), context), undefined]
  },

  terms: () => 2,
  fanOut: broadcastFanOut,
}

/** y = a / b with b an activation: dy = (da − y·db) / b. */
const quotient: DerivativeRules = {
  vjp(node, [gradient], context) {
    const { builder, shape } = context
    const [numerator, denominator] = node.inputs
    const [output] = node.outputs
    const scaled = builder.add('Div', [gradient!, operand(denominator, context)])
    const reduce = (value: string, to: string) => reduceToShape(value, shape(output), shape(to), context)
    const ofDenominator = builder.add('Neg', [builder.add('Mul', [scaled, operand(output, context)])])
    return [context.isActivation(numerator) ? reduce(scaled, numerator) : undefined, reduce(ofDenominator, denominator)]
  },

  jvp(node, [numerator, denominator], context) {
    const { builder } = context
    const moved = builder.add('Neg', [builder.add('Mul', [denominator!, operand(node.outputs[0], context)])])
    return [builder.add('Div', [sumOf([numerator, moved], context), operand(node.inputs[1], context)])]
  },
}

export const div: Operator = {
  name: 'Div',
  linear(node, context) {
    refuseMovedBatch(node, context)
    return context.isActivation(node.inputs[1]) ? undefined : scaling
  },
  derivative: quotient,
}
