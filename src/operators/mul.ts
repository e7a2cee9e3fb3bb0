import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, operand, reduceToShape, refuseMovedBatch, sumOf } from './broadcast.js'
import { coefficient } from './coefficient.js'
import { type Bend, convexRelaxation } from './convex-relaxation.js'
import type { DerivativeRules, Interval, IntervalContext, LinearRules, Operator, RelaxationRules } from './operator.js'
import {
  emitProductInterval,
  emitProductPlanes,
  emitProductSize,
  emitRounded,
  operandInterval,
  planeRelaxation,
} from './product-relaxation.js'
import { emitLargest, emitNearest } from './ranges.js'

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

/** x·x, which is more than the product of two factors. */
const square: Bend = {
  kernel: 'Pow',
  curvature: () => 'convex',
  evaluate: (input, _node, { builder }) => builder.add('Mul', [input, input]),
  derivative: (input, _node, { builder }) => builder.add('Mul', [input, builder.scalar(2)]),
}

const squareRelaxation = convexRelaxation(square)
const productRelaxation = planeRelaxation(
  (node, context) => emitProductPlanes(...factors(node, context), context),
  (node, context) => emitProductSize(...factors(node, context), context),
)

function factors(node: GraphNode, context: IntervalContext): [Interval, Interval] {
  return [operandInterval(node.inputs[0], context), operandInterval(node.inputs[1], context)]
}

function relaxationOf({ inputs: [left, right] }: GraphNode): RelaxationRules {
  return left === right ? squareRelaxation : productRelaxation
}

export const mul: Operator = {
  name: 'Mul',
  linear(node, context) {
    refuseMovedBatch(node, context)
    return node.inputs.every((input) => context.isActivation(input)) ? undefined : scaling
  },
  derivative: product,
  interval(node, context) {
    const [left, right] = factors(node, context)
    if (node.inputs[0] !== node.inputs[1]) return emitProductInterval(left, right, context)
    const { builder } = context
    const nearest = emitNearest(builder.scalar(0), left, context)
    const [lower, upper] = [nearest, emitLargest(left, context)].map((x) => builder.add('Mul', [x, x]))
    return emitRounded({ lower, upper }, 8, context)
  },
  relaxation: {
    backward: (node, gradient, context) => relaxationOf(node).backward(node, gradient, context),
    at: (node, points, context) => relaxationOf(node).at(node, points, context),
  },
}
