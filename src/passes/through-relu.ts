import { GraphBuilder } from '../graph/builder.js'
import type { GraphNode, TypedGraph } from '../graph/graph.js'
import type { Interval, IntervalContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { ruleContext } from './context.js'
import { emitLinearInterval, intervalContext } from './interval.js'
import { emitPrefixInterval, isLinearInInput } from './linear-prefix.js'
import { emitReachInBox, hasCoefficientMatrix, type Surroundings } from './reach-in-box.js'

/** A value that would be linear in the input without the Relu before it. */
export interface ThroughRelu {
  readonly relu: GraphNode
  /** The linear nodes from the Relu to the value. */
  readonly after: readonly GraphNode[]
  /** The graph without that Relu. */
  readonly linear: TypedGraph
}

/** Undefined where there is no such Relu, or the coefficients over the input would take too long. */
export function throughRelu(graph: TypedGraph, value: string): ThroughRelu | undefined {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const after: GraphNode[] = []
  for (let name = value; ; ) {
    const node = graph.nodes.find(({ outputs }) => outputs.includes(name))
    const activations = node?.inputs.filter((input) => context.isActivation(input)) ?? []
    if (!node || activations.length !== 1) return undefined
    if (node.operator === 'Relu') {
      if (!isLinearInInput(node.inputs[0], graph)) return undefined
      const nodes = graph.nodes.map((other) => (other === node ? { ...node, operator: 'Identity' } : other))
      const linear = { ...graph, nodes }
      return hasCoefficientMatrix(linear, value) ? { relu: node, after: after.reverse(), linear } : undefined
    }
    if (node.outputs.length !== 1 || !findOperator(node)?.linear?.(node, context)) return undefined
    after.push(node)
    ;[name] = activations
  }
}

/**
 * Bounds by max(z, 0) = z + max(−z, 0): the value without the Relu has exact bounds, and only what max(−z, 0) adds goes through
 * interval arithmetic. Where most units are on, that is much tighter than to take all of them through it.
 */
export function emitIntervalThroughRelu(
  value: string,
  { relu, after, linear }: ThroughRelu,
  surroundings: Surroundings,
  context: IntervalContext,
): Interval {
  const { builder, graph, rounding } = context
  const input = context.interval(relu.inputs[0])
  const known = new Map([
    [relu.inputs[0], input],
    [graph.inputs[0].name, surroundings.box],
  ])
  const straight = intervalContext(linear, builder, rounding, (name) => known.get(name))
  const reach = emitReachInBox(value, surroundings, straight)
  const linearly = emitPrefixInterval(value, surroundings.centre, reach, straight)
  const away = (end: string) => builder.add('Relu', [builder.add('Neg', [end])])
  const more = after.reduce<Interval>((interval, node) => emitLinearInterval(node, interval, context), {
    lower: away(input.upper),
    upper: away(input.lower),
  })
  return {
    lower: builder.add('Add', [linearly.lower, more.lower]),
    upper: builder.add('Add', [linearly.upper, more.upper]),
  }
}
