import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, operand, reduceToShape, refuseMovedBatch, sumOf } from './broadcast.js'
import { coefficient } from './coefficient.js'
import { emitBySign } from './lines.js'
import type { DerivativeRules, Interval, IntervalContext, LinearRules, Operator } from './operator.js'
import {
  emitProductInterval,
  emitProductPlanes,
  emitProductSize,
  operandInterval,
  type Plane,
  type Planes,
  planeRelaxation,
} from './product-relaxation.js'
import { emitMiddle } from './ranges.js'

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

/** Bounds of 1 / b; NaN, which certifies nothing, where b may be 0. */
function reciprocal(divisor: string, context: IntervalContext): { range: Interval; inverse: Interval } {
  const { builder } = context
  const { lower, upper } = context.interval(divisor)
  const isNegative = builder.add('Less', [upper, builder.scalar(0)])
  const isPositive = builder.add('Greater', [lower, builder.scalar(0)])
  const isSafe = builder.add('Or', [isNegative, isPositive])
  const [low, high] = [lower, upper].map((bound) => builder.add('Where', [isSafe, bound, builder.scalar(Number.NaN)]))
  const inverse = { lower: builder.add('Reciprocal', [high]), upper: builder.add('Reciprocal', [low]) }
  return { range: { lower: low, upper: high }, inverse }
}

/** Planes of a·r, and for r = 1 / b its chord and its tangent in the middle: it is convex where b > 0, else concave. */
function quotientPlanes(node: GraphNode, context: IntervalContext): Planes {
  const { builder } = context
  const [numerator, divisor] = node.inputs
  const { range, inverse } = reciprocal(divisor, context)
  const planes = emitProductPlanes(operandInterval(numerator, context), inverse, context)
  const atMiddle = builder.add('Reciprocal', [emitMiddle(range, context)])
  const negated = (value: string) => builder.add('Neg', [value])
  const tangent = {
    slope: negated(builder.add('Mul', [atMiddle, atMiddle])),
    intercept: builder.add('Mul', [atMiddle, builder.scalar(2)]),
  }
  const chord = {
    slope: negated(builder.add('Mul', [inverse.lower, inverse.upper])),
    intercept: builder.add('Add', [inverse.lower, inverse.upper]),
  }
  const isPositive = builder.add('Greater', [range.lower, builder.scalar(0)])
  const [below, above] = [
    [tangent, chord],
    [chord, tangent],
  ].map(([where, elsewhere]) => ({
    slope: builder.add('Where', [isPositive, where.slope, elsewhere.slope]),
    intercept: builder.add('Where', [isPositive, where.intercept, elsewhere.intercept]),
  }))
  // r is as large as its coefficient wants it.
  const overDivisor = ({ left, right, intercept }: Plane, [low, high]: readonly (typeof tangent)[]): Plane => {
    const part = (of: 'slope' | 'intercept') => emitBySign(right, low[of], high[of], context)
    return { left, right: part('slope'), intercept: builder.add('Add', [intercept, part('intercept')]) }
  }
  return { lower: overDivisor(planes.lower, [below, above]), upper: overDivisor(planes.upper, [above, below]) }
}

/** No term of a plane is larger than 8·|a|·|1/b|. */
function quotientSize(node: GraphNode, context: IntervalContext): string {
  const { builder } = context
  const { inverse } = reciprocal(node.inputs[1], context)
  const size = emitProductSize(operandInterval(node.inputs[0], context), inverse, context)
  return builder.add('Mul', [size, builder.scalar(8)])
}

export const div: Operator = {
  name: 'Div',
  linear(node, context) {
    refuseMovedBatch(node, context)
    return context.isActivation(node.inputs[1]) ? undefined : scaling
  },
  derivative: quotient,
  interval(node, context) {
    const { inverse } = reciprocal(node.inputs[1], context)
    return emitProductInterval(operandInterval(node.inputs[0], context), inverse, context)
  },
  relaxation: planeRelaxation(quotientPlanes, quotientSize),
}
