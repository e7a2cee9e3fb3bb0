import { broadcastFanOut, operand, reduceToShape, refuseMovedBatch, sumOf } from './broadcast.js'
import { coefficient } from './coefficient.js'
import type { DerivativeRules, LinearRules, Operator } from './operator.js'

/** y = x·c, the constant on either side. */
const scaling: LinearRules = {
  apply(node, inputs, context, { absolute }) {
    const factors = node.inputs.map((input, index) =>
      context.isActivation(input) ? inputs[index] : coefficient(input, absolute, context),
    )
    return [context.builder.add('Mul', factors)]
  },

  transpose(node, [gradient], context) {
    const { builder, shape } = context
    const constant = node.inputs.find((input) => !context.isActivation(input))!
    const scaled = builder.add('Mul', [gradient!, coefficient(constant, false, context)])
    return node.inputs.map((input) =>
      input === constant ? undefined : reduceToShape(scaled, shape(node.outputs[0]), shape(input), context),
    )
  },

  terms: () => 2,
  fanOut: broadcastFanOut,
}

const product: DerivativeRules = {
  vjp(node, [gradient], context) {
    const { builder, shape } = context
    return node.inputs.map((input, index) => {
      const scaled = builder.add('Mul', [gradient!, operand(node.inputs[1 - index], context)])
      return reduceToShape(scaled, shape(node.outputs[0]), shape(input), context)
    })
  },

  jvp(node, tangents, context) {
    const parts = tangents.map((tangent, index) =>
      context.builder.add('Mul', [tangent!, operand(node.inputs[1 - index], context)]),
    )
    return [sumOf(parts, context)]
  },
}

export const mul: Operator = {
  name: 'Mul',
  linear(node, context) {
    refuseMovedBatch(node, context)
    return node.inputs.every((input) => context.isActivation(input)) ? undefined : scaling
  },
  derivative: product,
}
