import type { GraphBuilder } from '../graph/builder.js'
import type { GraphNode, TypedGraph } from '../graph/graph.js'
import type { Interval, IntervalContext, LinearRules } from '../operators/operator.js'
import { noBoundRule } from '../operators/refuse.js'
import { findOperator } from '../operators/registry.js'
import type { Rounding } from '../operators/rounding.js'
import { ruleContext } from './context.js'

/**
 * Interval arithmetic: bounds of every activation, emitted when they are first asked for. `known` gives the bounds that
 * need no deriving, those of the input at least; it may say so for values in between as well. Those of a constant are itself. The bounds hold for the
 * numbers that the model computes in float32, where the rounding is covered.
 */
export function intervalContext(
  graph: TypedGraph,
  builder: GraphBuilder,
  rounding: Rounding,
  known: (value: string) => Interval | undefined,
): IntervalContext {
  const rules = ruleContext(graph, builder)
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const intervals = new Map<string, Interval>()
  const context: IntervalContext = {
    ...rules,
    rounding,
    interval(value) {
      const found = intervals.get(value) ?? known(value)
      if (found) {
        intervals.set(value, found)
        return found
      }
      if (!rules.isActivation(value)) {
        const constant = rules.weight(value)
        return { lower: constant, upper: constant }
      }
      const node = producers.get(value)!
      const linear = findOperator(node)?.linear?.(node, context)
      const outputs = linear ? linearIntervals(node, linear, context) : [nonlinearInterval(node, context)]
      outputs.forEach((interval, index) => intervals.set(node.outputs[index], interval))
      return intervals.get(value)!
    },
  }
  return context
}

function nonlinearInterval(node: GraphNode, context: IntervalContext): Interval {
  const rule = findOperator(node)?.interval
  if (rule) return rule(node, context)
  throw noBoundRule(node)
}

function linearIntervals(node: GraphNode, linear: LinearRules, context: IntervalContext): Interval[] {
  const { builder, rounding } = context
  const inputs = activationIntervals(node, context)
  if (linear.terms(node, context) === 1) {
    const use = { absolute: false, bias: true }
    const lower = linear.apply(
      node,
      inputs.map((interval) => interval?.lower ?? ''),
      context,
      use,
    )
    const upper = linear.apply(
      node,
      inputs.map((interval) => interval?.upper ?? ''),
      context,
      use,
    )
    return lower.map((name, index) => ({ lower: name, upper: upper[index] }))
  }
  const balls = inputs.map((interval) => interval && emitCentreAndRadius(interval, context))
  const centres = linear.apply(
    node,
    balls.map((ball) => ball?.centre ?? ''),
    context,
    { absolute: false, bias: true },
  )
  const radii = linear.apply(
    node,
    balls.map((ball) => ball?.radius ?? ''),
    context,
    { absolute: true, bias: false },
  )
  // The model's rounding, and those of the centre, the radius and the two sums below.
  const allowance = 4 * rounding.gamma(linear.terms(node, context) + 8)
  const sizes = allowance > 0 ? emitSizes(node, linear, context) : []
  return centres.map((centre, index) => {
    const radius = allowance > 0 ? widen(radii[index], sizes[index], allowance, context) : radii[index]
    return { lower: builder.add('Sub', [centre, radius]), upper: builder.add('Add', [centre, radius]) }
  })
}

/** What a linear node with one activation input makes of the numbers between `lower` and `upper`, its constant part left out. */
export function emitLinearInterval(node: GraphNode, interval: Interval, context: IntervalContext): Interval {
  const { builder, rounding } = context
  const linear = findOperator(node)!.linear!(node, context)!
  const apply = (name: string, absolute: boolean) => {
    const inputs = node.inputs.map((input) => (context.isActivation(input) ? name : ''))
    return linear.apply(node, inputs, context, { absolute, bias: false })[0]
  }
  const terms = linear.terms(node, context)
  if (terms === 1) return { lower: apply(interval.lower, false), upper: apply(interval.upper, false) }
  const ball = emitCentreAndRadius(interval, context)
  const centre = apply(ball.centre, false)
  const size = builder.add('Max', [builder.add('Neg', [interval.lower]), interval.upper])
  // Those of the centre, the radius and the two sums below, and of one sum that follows.
  const allowance = 5 * rounding.gamma(terms + 8)
  const reach = apply(ball.radius, true)
  const radius = allowance > 0 ? widen(reach, apply(size, true), allowance, context) : reach
  return { lower: builder.add('Sub', [centre, radius]), upper: builder.add('Add', [centre, radius]) }
}

function widen(radius: string, size: string, allowance: number, { builder, rounding }: IntervalContext): string {
  const error = builder.add('Mul', [size, builder.scalar(allowance)])
  return builder.add('Add', [radius, builder.add('Add', [error, builder.scalar(rounding.underflow)])])
}

function activationIntervals(node: GraphNode, context: IntervalContext): (Interval | undefined)[] {
  return node.inputs.map((input) => (context.isActivation(input) ? context.interval(input) : undefined))
}

/** |W|·H + |b| with H the largest magnitudes of the inputs: what the rounding error of a linear node is relative to. */
export function emitSizes(node: GraphNode, linear: LinearRules, context: IntervalContext): string[] {
  const magnitudes = node.inputs.map((input) => (context.isActivation(input) ? emitMagnitude(input, context) : ''))
  return linear.apply(node, magnitudes, context, { absolute: true, bias: true })
}

/** Largest magnitude of each element of an activation. */
export function emitMagnitude(value: string, context: IntervalContext): string {
  const { builder } = context
  const { lower, upper } = context.interval(value)
  return builder.once(`magnitude ${lower} ${upper}`, () => builder.add('Max', [builder.add('Neg', [lower]), upper]))
}

/** The radius covers the rounding of both. */
function emitCentreAndRadius({ lower, upper }: Interval, { builder, rounding }: IntervalContext) {
  const half = builder.scalar(0.5)
  const centre = builder.add('Add', [builder.add('Mul', [lower, half]), builder.add('Mul', [upper, half])])
  if (rounding.mode === 'ignored') {
    const radius = builder.add('Sub', [builder.add('Mul', [upper, half]), builder.add('Mul', [lower, half])])
    return { centre, radius }
  }
  const reach = builder.add('Max', [builder.add('Sub', [upper, centre]), builder.add('Sub', [centre, lower])])
  const upwards = builder.add('Mul', [reach, builder.scalar(1 + 4 * rounding.gamma(1))])
  return { centre, radius: builder.add('Add', [upwards, builder.scalar(rounding.underflow)]) }
}
