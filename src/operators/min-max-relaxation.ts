import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, reduceToShape } from './broadcast.js'
import { coefficient } from './coefficient.js'
import { emitBySign, emitIntercepts } from './lines.js'
import type { Interval, IntervalContext, IntervalRule, RelaxationRules } from './operator.js'
import { clipLines } from './piecewise-linear.js'
import { operandInterval } from './product-relaxation.js'
import { emitLargest } from './ranges.js'
import { refuseBound } from './refuse.js'

/** intercept + Σ slope·operand, one per sample and output element: names in the built graph. */
interface Plane {
  readonly slopes: ReadonlyMap<string, string>
  readonly intercept: string
}

/** An extreme of some operands: its bounds, and planes below and above it. */
interface Extreme extends Planes {
  readonly range: Interval
}

interface Planes {
  readonly lower: Plane
  readonly upper: Plane
}

/** Bounds of a Max or Min: those of the inputs, combined like them. */
export const extremeInterval: IntervalRule = (node, context) => {
  const ranges = node.inputs.map((input) => operandInterval(input, context))
  const combined = (side: 'lower' | 'upper') =>
    context.builder.add(
      node.operator,
      ranges.map((range) => range[side]),
    )
  return { lower: combined('lower'), upper: combined('upper') }
}

/** max(a, b) = b + max(a − b, 0), by the lines of that maximum; of more inputs one after the other. */
export const extremeRelaxation: RelaxationRules = {
  backward(node, gradient, context) {
    const { lower, upper } = emitExtreme(node, context.samples)
    const { shape } = context
    const [output] = node.outputs
    const rows = (sliced: string) => context.rows(sliced, output)
    const inputs = [...lower.slopes.keys()].filter((input) => context.isActivation(input))
    const [first, ...others] = inputs.map((input) => {
      const product = emitBySign(gradient, rows(lower.slopes.get(input)!), rows(upper.slopes.get(input)!), context)
      return { input, gradient: reduceToShape(product, shape(output), shape(input), context) }
    })
    const [below, above] = [lower, upper].map((plane) => constant(plane, context.samples))
    return { ...first, others, constant: emitIntercepts(gradient, below, above, output, context) }
  },

  at(node, points, context) {
    const { builder, samples } = context
    const { lower, upper } = emitExtreme(node, samples)
    const rows = (sliced: string) => context.rows(sliced, node.outputs[0])
    const value = (plane: Plane) =>
      [...plane.slopes.keys()]
        .filter((input) => context.isActivation(input))
        .map((input, index) => builder.add('Mul', [rows(plane.slopes.get(input)!), points[index]]))
        .reduce((sum, part) => builder.add('Add', [sum, part]), rows(constant(plane, samples)))
    return { lower: value(lower), upper: value(upper) }
  },
}

function emitExtreme(node: GraphNode, context: IntervalContext): Planes {
  const { builder, rounding } = context
  const isMax = node.operator === 'Max'
  const mirrored = ({ lower, upper }: Interval): Interval =>
    isMax ? { lower, upper } : { lower: builder.add('Neg', [upper]), upper: builder.add('Neg', [lower]) }
  const operands = [...new Set(node.inputs)].map((value) => {
    const plane = { slopes: new Map([[value, builder.scalar(1)]]), intercept: builder.scalar(0) }
    return { value, range: mirrored(operandInterval(value, context)), lower: plane, upper: plane }
  })
  // Planes get a slice for each sample from the first activation on.
  const inOrder = operands.sort(
    (left, right) => Number(context.isActivation(right.value)) - Number(context.isActivation(left.value)),
  )
  const [first, ...rest] = inOrder
  if (rest.length === 0) refuseBound(node, 'its inputs are one and the same')
  const { lower, upper } = rest.reduce<Extreme>((taken, next) => larger(taken, next, context), first)
  const sizes = operands.map(({ range }) => builder.add('Abs', [emitLargest(range, context)]))
  const size = sizes.reduce((left, right) => builder.add('Add', [left, right]))
  // Differences, slopes and products round relative to the operands.
  const relative = builder.scalar(rounding.gamma(broadcastFanOut(node, context) + 32 * operands.length))
  const error = builder.add('Add', [builder.add('Mul', [size, relative]), builder.scalar(rounding.underflow)])
  const below: Plane = { ...lower, intercept: builder.add('Sub', [lower.intercept, error]) }
  const above: Plane = { ...upper, intercept: builder.add('Add', [upper.intercept, error]) }
  if (isMax) return { lower: below, upper: above }
  // min(x) = −max(−x): the slopes stay, the sides change.
  const negated = (plane: Plane): Plane => ({ ...plane, intercept: builder.add('Neg', [plane.intercept]) })
  return { lower: negated(above), upper: negated(below) }
}

/** The larger one of two. */
function larger(left: Extreme, right: Extreme, context: IntervalContext): Extreme {
  const { builder } = context
  const difference = {
    lower: builder.add('Sub', [left.range.lower, right.range.upper]),
    upper: builder.add('Sub', [left.range.upper, right.range.lower]),
  }
  const lines = clipLines(difference, { lowest: builder.scalar(0), highest: '' }, context)
  const range = {
    lower: builder.add('Max', [left.range.lower, right.range.lower]),
    upper: builder.add('Max', [left.range.upper, right.range.upper]),
  }
  const side = (name: 'lower' | 'upper'): Plane => {
    const { slope, intercept } = lines[name]
    const rest = builder.add('Sub', [builder.scalar(1), slope])
    const scaled = (plane: Plane, factor: string) =>
      [...plane.slopes].map(([value, own]): [string, string] => [value, builder.add('Mul', [own, factor])])
    const parts = [builder.add('Mul', [left[name].intercept, slope]), builder.add('Mul', [right[name].intercept, rest])]
    return {
      slopes: new Map([...scaled(left[name], slope), ...scaled(right[name], rest)]),
      intercept: parts.reduce((sum, part) => builder.add('Add', [sum, part]), intercept!),
    }
  }
  return { range, lower: side('lower'), upper: side('upper') }
}

/** The intercept with the share of the constant operands. */
function constant({ slopes, intercept }: Plane, context: IntervalContext): string {
  const { builder } = context
  return [...slopes]
    .filter(([value]) => !context.isActivation(value))
    .map(([value, slope]) => builder.add('Mul', [slope, coefficient(value, false, context)]))
    .reduce((sum, part) => builder.add('Add', [sum, part]), intercept)
}
