import { floatAttribute, type GraphNode, intAttribute } from '../graph/graph.js'
import { lineRelaxation } from './lines.js'
import type { DerivativeContext, Interval, IntervalContext, Line, Lines, Operator, RuleContext } from './operator.js'
import { padAxis } from './pad-axis.js'
import { emitRounded } from './product-relaxation.js'
import { emitExcesses, emitKernelRange, emitLargest, emitNearest, emitOutwards, emitSecant } from './ranges.js'
import { refuseBound } from './refuse.js'
import { sampleShape } from './samples.js'

/** y = x / s^β with s = bias + α/size · Σ x², summed over a window of channels */
export const lrn: Operator = {
  name: 'LRN',
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const { direct, pull, push } = slopes(node, context)
      const own = builder.add('Mul', [gradient!, direct])
      const sum = sumOverChannels(node, builder.add('Mul', [gradient!, pull]), context)
      return [builder.add('Sub', [own, builder.add('Mul', [sum, push])])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const { direct, pull, push } = slopes(node, context)
      const own = builder.add('Mul', [tangent!, direct])
      const sum = sumOverChannels(node, builder.add('Mul', [tangent!, push]), context)
      return [builder.add('Sub', [own, builder.add('Mul', [sum, pull])])]
    },
  },

  interval(node, context) {
    const { builder } = context
    const { lower, upper } = context.interval(node.inputs[0])
    const { least, most } = emitFactors(node, context)
    const isPositive = (bound: string) => builder.add('Greater', [bound, builder.scalar(0)])
    const scaled = (bound: string, where: string, elsewhere: string) =>
      builder.add('Mul', [bound, builder.add('Where', [isPositive(bound), where, elsewhere])])
    return emitRounded({ lower: scaled(lower, least, most), upper: scaled(upper, most, least) }, 8, context)
  },

  relaxation: lineRelaxation(
    ({ lower, upper }, _node, { builder }) => builder.add('Less', [lower, upper]),
    (range, node, context) => lrnLines(range, node, context),
  ),

  lower(node, [input], context) {
    const { builder } = context
    const power = builder.scalar(floatAttribute(node, 'beta', 0.75))
    return [builder.add('Div', [input, builder.add('Pow', [scaleOf(node, input, context), power])])]
  },
}

/**
 * y = x·f with f between two positive numbers: the lines through the ends of min(x·least, x·most), which is concave, and
 * of max(x·least, x·most), which is convex.
 */
function lrnLines(range: Interval, node: GraphNode, context: IntervalContext): Lines {
  const { builder } = context
  const { least, most } = emitFactors(node, context)
  const products = (bound: string) => [least, most].map((factor) => builder.add('Mul', [bound, factor]))
  const zero = builder.scalar(0)
  const line = (direction: 1 | -1): Line => {
    const extreme = direction === 1 ? 'Max' : 'Min'
    const [left, right] = [range.lower, range.upper].map((x) => ({ x, y: builder.add(extreme, products(x)) }))
    const slope = emitSecant(left, right, context)
    const intercept = builder.add(extreme, emitExcesses(slope, [left, right], context))
    const size = builder.add('Mul', [emitLargest(range, context), most])
    return { slope, intercept: emitOutwards({ slope, intercept }, range, size, zero, direction, context) }
  }
  return { lower: line(-1), upper: line(1) }
}

/** Bounds of s^−β, from those of the squares in s. */
function emitFactors(node: GraphNode, context: IntervalContext): { least: string; most: string } {
  const { builder, rounding } = context
  const bias = floatAttribute(node, 'bias', 1)
  if (!(bias > 0)) refuseBound(node, 'its bias is not positive')
  const range = context.interval(node.inputs[0])
  const size = intAttribute(node, 'size', 1)
  const weight = floatAttribute(node, 'alpha', 1e-4) / size
  const farthest = emitLargest(range, context)
  const nearest = emitNearest(builder.scalar(0), range, context)
  const [highest, lowest] = [farthest, nearest].map((x) => scaleOf(node, x, context))
  // onnxruntime moves the window along the channels, adding one square and taking away another: what remains of the sum
  // has rounding errors relative to the squares of all channels.
  const [channels] = sampleShape(node.inputs[0], node, context)
  const squares = builder.add('Mul', [farthest, farthest])
  const all = builder.add('ReduceSum', [squares, builder.ints([1])], { keepdims: 1 })
  const reached = builder.add('Add', [builder.add('Mul', [all, builder.scalar(weight)]), builder.scalar(bias)])
  const error = builder.add('Mul', [reached, builder.scalar(rounding.gamma(2 * channels + size + 16))])
  const power = builder.scalar(-floatAttribute(node, 'beta', 0.75))
  const factor = (scale: string) => builder.add('Pow', [scale, power])
  const bounds = {
    lower: factor(builder.add('Add', [highest, error])),
    upper: factor(builder.add('Sub', [lowest, error])),
  }
  const { lower, upper } = emitKernelRange('Pow', bounds, context)
  return { least: lower, most: upper }
}

/** ∂y_i/∂x_j = direct_i·[i = j] − pull_i·push_j for j in the window of i */
function slopes(node: GraphNode, context: DerivativeContext) {
  const { builder } = context
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1e-4), floatAttribute(node, 'beta', 0.75)]
  const input = context.value(node.inputs[0])
  const scale = scaleOf(node, input, context)
  const direct = builder.add('Pow', [scale, builder.scalar(-beta)])
  const pull = builder.add('Div', [builder.add('Mul', [input, direct]), scale])
  const push = builder.add('Mul', [input, builder.scalar((2 * alpha * beta) / intAttribute(node, 'size', 1))])
  return { direct: context.rows(direct), pull: context.rows(pull), push: context.rows(push) }
}

function scaleOf(node: GraphNode, input: string, context: RuleContext): string {
  const { builder } = context
  const weight = builder.scalar(floatAttribute(node, 'alpha', 1e-4) / intAttribute(node, 'size', 1))
  const sum = sumOverChannels(node, builder.add('Mul', [input, input]), context)
  return builder.add('Add', [builder.add('Mul', [sum, weight]), builder.scalar(floatAttribute(node, 'bias', 1))])
}

/** Windows are symmetric: onnxruntime runs no LRN of even size. */
function sumOverChannels(node: GraphNode, value: string, context: RuleContext): string {
  const { builder } = context
  const [channels, ...sizes] = sampleShape(node.inputs[0], node, context)
  const size = intAttribute(node, 'size', 1)
  const reach = (size - 1) / 2
  const padded = padAxis(value, 1, sizes.length + 2, reach, reach, builder)
  const shifted = Array.from({ length: size }, (_, start) =>
    builder.add('Slice', [padded, builder.ints([start]), builder.ints([start + channels]), builder.ints([1])]),
  )
  return builder.add('Sum', shifted)
}
