import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, reduceToShape } from './broadcast.js'
import { coefficient } from './coefficient.js'
import { emitBySign, emitIntercepts } from './lines.js'
import type { Interval, IntervalContext, RelaxationContext, RelaxationRules, Relaxed } from './operator.js'
import { emitLargest } from './ranges.js'

const tie = 1e-4

/** intercept + left·(first factor) + right·(second one), one per sample and output element: names in the built graph. */
export interface Plane {
  readonly left: string
  readonly right: string
  readonly intercept: string
}

export interface Planes {
  readonly lower: Plane
  readonly upper: Plane
}

/** Bounds of an operand, whose both bounds are the constant itself where it is no activation. */
export function operandInterval(value: string, context: IntervalContext): Interval {
  if (context.isActivation(value)) return context.interval(value)
  const constant = coefficient(value, false, context)
  return { lower: constant, upper: constant }
}

/** Bounds of a product: the least and the greatest at the corners of the box, rounded outwards. */
export function emitProductInterval(left: Interval, right: Interval, context: IntervalContext): Interval {
  const { builder } = context
  const corners = [left.lower, left.upper].flatMap((first) =>
    [right.lower, right.upper].map((second) => builder.add('Mul', [first, second])),
  )
  return emitRounded({ lower: builder.add('Min', corners), upper: builder.add('Max', corners) }, 8, context)
}

/** Bounds moved outwards by so many roundings. */
export function emitRounded({ lower, upper }: Interval, roundings: number, context: IntervalContext): Interval {
  const { builder, rounding } = context
  if (rounding.mode === 'ignored') return { lower, upper }
  const error = (bound: string) => {
    const relative = builder.add('Mul', [builder.add('Abs', [bound]), builder.scalar(rounding.gamma(roundings))])
    return builder.add('Add', [relative, builder.scalar(rounding.underflow)])
  }
  return { lower: builder.add('Sub', [lower, error(lower)]), upper: builder.add('Add', [upper, error(upper)]) }
}

/**
 * Planes below and above the product of two factors (McCormick 1976), without allowances: (a − p)·(b − q) has one sign
 * where p and q are ends of the ranges. Of the two planes on either side, which agree in the middle of the box, the
 * flatter one.
 */
export function emitProductPlanes(left: Interval, right: Interval, context: IntervalContext): Planes {
  const { builder } = context
  const width = ({ lower, upper }: Interval) => builder.add('Sub', [upper, lower])
  const [leftWidth, rightWidth] = [width(left), width(right)]
  // How far a plane through such a corner rises or falls over the box.
  const slant = (p: string, q: string) =>
    builder.add('Add', [
      builder.add('Mul', [builder.add('Abs', [q]), leftWidth]),
      builder.add('Mul', [builder.add('Abs', [p]), rightWidth]),
    ])
  const flatter = (...[first, second]: readonly (readonly [string, string])[]): Plane => {
    // Where no factor changes its sign, both are often equally flat, and rounding must not choose.
    const clearly = builder.add('Mul', [slant(...second), builder.scalar(1 + tie)])
    const isFirst = builder.add('LessOrEqual', [slant(...first), clearly])
    const p = builder.add('Where', [isFirst, first[0], second[0]])
    const q = builder.add('Where', [isFirst, first[1], second[1]])
    return { left: q, right: p, intercept: builder.add('Neg', [builder.add('Mul', [p, q])]) }
  }
  return {
    lower: flatter([left.lower, right.lower], [left.upper, right.upper]),
    upper: flatter([left.upper, right.lower], [left.lower, right.upper]),
  }
}

/** Relaxation of an operator with two operands by planes, which may leave out what rounding does. */
export function planeRelaxation(
  planesOf: (node: GraphNode, context: IntervalContext) => Planes,
  sizeOf: (node: GraphNode, context: IntervalContext) => string,
): RelaxationRules {
  const safePlanes = (node: GraphNode, { samples, whole }: RelaxationContext): Planes => {
    const all = whole.node(node)
    return emitSafePlanes(planesOf(all, samples), sizeOf(all, samples), all, samples)
  }
  return {
    backward(node, gradient, context) {
      return emitBackward(node, gradient, safePlanes(node, context), context)
    },
    at(node, points, context) {
      const { lower, upper } = safePlanes(node, context)
      const places = [...points]
      const operands = node.inputs.map((input) =>
        context.isActivation(input) ? places.shift()! : coefficient(input, false, context),
      )
      const value = ({ left, right, intercept }: Plane) => {
        const { builder } = context
        const rows = (sliced: string) => context.rows(sliced, node.outputs[0])
        const [first, second] = [left, right].map((slope, index) => builder.add('Mul', [rows(slope), operands[index]]))
        return builder.add('Add', [builder.add('Add', [first, second]), rows(intercept)])
      }
      return { lower: value(lower), upper: value(upper) }
    },
  }
}

/** Planes moved outwards by the roundings of the model, of their coefficients and of the sums over them. */
function emitSafePlanes({ lower, upper }: Planes, size: string, node: GraphNode, context: IntervalContext): Planes {
  const { builder, rounding } = context
  if (rounding.mode === 'ignored') return { lower, upper }
  const relative = builder.scalar(rounding.gamma(broadcastFanOut(node, context) + 32))
  const error = builder.add('Add', [builder.add('Mul', [size, relative]), builder.scalar(rounding.underflow)])
  return {
    lower: { ...lower, intercept: builder.add('Sub', [lower.intercept, error]) },
    upper: { ...upper, intercept: builder.add('Add', [upper.intercept, error]) },
  }
}

function emitBackward(node: GraphNode, gradient: string, planes: Planes, context: RelaxationContext): Relaxed {
  const { shape } = context
  const { lower, upper } = planes
  const [output] = node.outputs
  const rows = (sliced: string) => context.rows(sliced, output)
  const arriving = (['left', 'right'] as const).flatMap((side, index) => {
    const input = node.inputs[index]
    if (!context.isActivation(input)) return []
    const product = emitBySign(gradient, rows(lower[side]), rows(upper[side]), context)
    return [{ input, gradient: reduceToShape(product, shape(output), shape(input), context) }]
  })
  const [first, ...others] = arriving
  return { ...first, others, constant: emitConstant(planes, gradient, node, context) }
}

/** What the planes add besides the activations' share: their intercepts, and their slope times a constant operand. */
function emitConstant(
  { lower, upper }: Planes,
  gradient: string,
  node: GraphNode,
  context: RelaxationContext,
): string | undefined {
  const { builder, samples } = context
  const [numerator] = node.inputs
  const complete = ({ left, intercept }: Plane) => {
    if (context.isActivation(numerator)) return intercept
    return builder.add('Add', [intercept, builder.add('Mul', [left, coefficient(numerator, false, samples)])])
  }
  return emitIntercepts(gradient, complete(lower), complete(upper), node.outputs[0], context)
}

/** |a|·|b| at most, of two ranges. */
export function emitProductSize(left: Interval, right: Interval, context: IntervalContext): string {
  const magnitudes = [left, right].map((range) => context.builder.add('Abs', [emitLargest(range, context)]))
  return context.builder.add('Mul', magnitudes)
}
