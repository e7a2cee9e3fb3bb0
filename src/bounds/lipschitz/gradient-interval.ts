import { elementCount, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import { mapTypedNames } from '../../graph/map-names.js'
import { asNumber } from '../../operators/element-type.js'
import type { IntervalContext, RuleContext } from '../../operators/operator.js'
import { findOperator } from '../../operators/registry.js'
import { sampleShape } from '../../operators/samples.js'
import { emitFromTaps, emitTaps } from '../../operators/taps.js'
import { invertTaps, windows } from '../../operators/windows.js'
import { ruleContext } from '../../passes/context.js'
import { noBoundRule } from '../../passes/interval.js'
import { withAbsoluteConstants } from './coefficients.js'
import { poolGeometry } from './nonlinear-rules.js'
import { slopeIntervals } from './slope-intervals.js'

/** All numbers that differ from the centre by at most the radius: one slice per row, names in the graph being built. */
interface Ball {
  readonly centre: string
  readonly radius: string
}

/** Context of {@link emitGradientInterval}: intervals have one slice per sample, gradients one per row. */
export interface GradientIntervalContext extends IntervalContext {
  rows(sliced: string): string
}

/**
 * Interval arithmetic on the reverse mode of differentiation: upper bounds of the absolute value of each partial
 * derivative, over all inputs within the intervals of `context`, of the linear functions `seed` of the output. It
 * allows for its own rounding. Where an operator has no derivative (Relu at 0), every slope between is allowed.
 * @throws UnsupportedOperatorError for a nonlinear operator without bounds of its slopes.
 */
export function emitGradientInterval(graph: TypedGraph, seed: string, context: GradientIntervalContext): string {
  const { builder } = context
  const absolute = renamed(withAbsoluteConstants(graph), 'absolute ')
  const absoluteContext = ruleContext(absolute, builder)
  const zero = builder.add('Mul', [seed, builder.scalar(0)])
  const gradients = new Map<string, Ball>([[graph.outputs[0].name, { centre: seed, radius: zero }]])
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const node = graph.nodes[index]
    const arriving = node.outputs.map((output) => gradients.get(output))
    if (arriving.every((ball) => ball === undefined)) continue
    const balls = emitBackward(node, absolute.nodes[index], arriving, context, absoluteContext)
    balls.forEach((ball, position) => {
      const input = node.inputs[position]
      if (ball === undefined || !context.isActivation(input)) return
      const known = gradients.get(input)
      gradients.set(input, known ? emitSum(known, ball, context) : ball)
    })
  }
  const { centre, radius } = gradients.get(graph.inputs[0].name) ?? { centre: zero, radius: zero }
  const sum = builder.add('Add', [builder.add('Abs', [centre]), radius])
  return builder.add('Mul', [sum, builder.scalar(1 + context.rounding.gamma(8))])
}

function emitBackward(
  node: GraphNode,
  absoluteNode: GraphNode,
  arriving: readonly (Ball | undefined)[],
  context: GradientIntervalContext,
  absoluteContext: RuleContext,
): (Ball | undefined)[] {
  const linear = findOperator(node)?.linear?.(node, context)
  if (linear) {
    const { builder, rounding } = context
    const centres = linear.transpose(
      node,
      arriving.map((ball) => ball?.centre),
      context,
    )
    const outputs = node.outputs.map((output) => elementCount(sampleShape(output, node, context)))
    const fanOut = linear.fanOut?.(node, context) ?? outputs.reduce((sum, count) => sum + count, 0)
    const allowance = 2 * rounding.gamma(fanOut + 8)
    const radii = findOperator(absoluteNode)!.linear!(absoluteNode, absoluteContext)!.transpose(
      absoluteNode,
      arriving.map((ball) => ball && emitWidened(ball, allowance, context)),
      absoluteContext,
    )
    return centres.map((centre, index) => {
      // What the transpose takes away, a Sub say, is uncertain all the same.
      return centre === undefined ? undefined : { centre, radius: builder.add('Abs', [radii[index]!]) }
    })
  }
  const [ball] = arriving
  if (node.operator === 'MaxPool' || node.operator === 'GlobalMaxPool') {
    if (arriving.length > 1 && arriving[1]) throw noBoundRule(node)
    return [emitPool(node, ball!, context)]
  }
  const rule = slopeIntervals.get(node.operator)
  if (!rule) throw noBoundRule(node)
  const slopes = rule(context.interval(node.inputs[0]), node, context)
  return [emitScaled(ball!, slopes.lower, slopes.upper, context)]
}

/** The radius, with room for rounding errors relative to both parts. */
function emitWidened({ centre, radius }: Ball, allowance: number, { builder, rounding }: IntervalContext): string {
  const error = builder.add('Mul', [builder.add('Abs', [centre]), builder.scalar(allowance)])
  const own = builder.add('Mul', [radius, builder.scalar(1 + allowance)])
  return builder.add('Add', [builder.add('Add', [own, error]), builder.scalar(rounding.underflow)])
}

function emitSum(left: Ball, right: Ball, context: IntervalContext): Ball {
  const { builder, rounding } = context
  const allowance = rounding.gamma(8)
  return {
    centre: builder.add('Add', [left.centre, right.centre]),
    radius: builder.add('Add', [emitWidened(left, allowance, context), emitWidened(right, allowance, context)]),
  }
}

/** All products with slopes between `lower` and `upper`, which have one slice per sample. */
function emitScaled(ball: Ball, lower: string, upper: string, context: GradientIntervalContext): Ball {
  const { builder } = context
  const half = builder.scalar(0.5)
  const middle = builder.add('Mul', [builder.add('Add', [lower, upper]), half])
  const reach = builder.add('Mul', [builder.add('Sub', [upper, lower]), half])
  const steepest = builder.add('Max', [builder.add('Abs', [lower]), builder.add('Abs', [upper])])
  return emitProduct(ball, context.rows(middle), context.rows(reach), context.rows(steepest), context)
}

/** (middle ± reach) times the ball, no factor being larger than `steepest`. */
function emitProduct(ball: Ball, middle: string, reach: string, steepest: string, context: IntervalContext): Ball {
  const { builder, rounding } = context
  const size = builder.add('Abs', [ball.centre])
  const error = builder.add('Mul', [steepest, builder.scalar(rounding.gamma(8))])
  const uncertain = builder.add('Mul', [size, builder.add('Add', [reach, error])])
  const carried = builder.add('Mul', [ball.radius, steepest])
  const sum = builder.add('Mul', [builder.add('Add', [uncertain, carried]), builder.scalar(1 + rounding.gamma(8))])
  return {
    centre: builder.add('Mul', [ball.centre, middle]),
    radius: builder.add('Add', [sum, builder.scalar(rounding.underflow)]),
  }
}

/**
 * Which element of a window is the largest is certain where one can be as large as the largest lower bound; otherwise all
 * that can have any share of it.
 */
function emitPool(node: GraphNode, ball: Ball, context: GradientIntervalContext): Ball {
  const { builder, rounding } = context
  const geometry = poolGeometry(node, context)
  const { outputSizes, taps } = windows(geometry)
  const [channels] = sampleShape(node.inputs[0], node, context)
  const [inputs, outputs, elements] = [geometry.inputSizes, outputSizes, geometry.kernel].map(elementCount)
  const under = (value: string) => {
    const flat = builder.add('Reshape', [value, builder.ints([0, channels, inputs])])
    return emitTaps(flat, 2, 3, taps, [outputs, elements], builder, Number.NEGATIVE_INFINITY)
  }
  const { lower, upper } = context.interval(node.inputs[0])
  const largest = builder.add('ReduceMax', [under(lower), builder.ints([3])], { keepdims: 1 })
  const possible = asNumber(builder.add('GreaterOrEqual', [under(upper), largest]), builder)
  const count = builder.add('ReduceSum', [possible, builder.ints([3])], { keepdims: 1 })
  const isSure = builder.add('Equal', [count, builder.scalar(1)])
  const share = (sure: number) =>
    builder.add('Mul', [possible, builder.add('Where', [isSure, builder.scalar(sure), builder.scalar(0.5)])])
  const perWindow = (value: string) => builder.add('Reshape', [value, builder.ints([0, channels, outputs, 1])])
  const spread = { centre: perWindow(ball.centre), radius: perWindow(ball.radius) }
  const perTap = emitProduct(spread, context.rows(share(1)), context.rows(share(0)), context.rows(possible), context)
  const toInput = (value: string) => {
    const flat = builder.add('Reshape', [value, builder.ints([0, channels, outputs * elements])])
    const summed = emitFromTaps(flat, 2, 3, taps, inputs, builder)
    return builder.add('Reshape', [summed, builder.ints([0, channels, ...geometry.inputSizes])])
  }
  const { width } = invertTaps(taps, inputs)
  return {
    centre: toInput(perTap.centre),
    radius: toInput(emitWidened(perTap, 2 * rounding.gamma(width + 8), context)),
  }
}

/** The same graph with other names for all values: rules tell values apart by their names. */
function renamed(graph: TypedGraph, prefix: string): TypedGraph {
  return mapTypedNames(graph, (name) => prefix + name)
}
