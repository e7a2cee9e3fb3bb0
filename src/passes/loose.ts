import type { GraphNode } from '../graph/graph.js'
import type { IntervalContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'

/**
 * Bool per element of a value: whether tighter bounds of it would tighten the relaxation of the nonlinear operators
 * that it goes into, directly or through elementwise ones.
 */
export function emitLoose(value: string, context: IntervalContext): string {
  const { builder } = context
  const parts = nonlinearConsumers(value, context).map((node) => {
    const rules = findOperator(node)?.relaxation
    const own = rules?.loose?.(node, context) ?? emitIsRange(value, context)
    const [output] = node.outputs
    const followers = nonlinearConsumers(output, context)
    if (!rules?.lines || followers.length === 0) return own
    const wanted = emitLoose(output, context)
    const isLast = context.graph.nodes.every(({ inputs }, index) => {
      return !inputs.includes(output) || followers.includes(context.graph.nodes[index])
    })
    const matters = followers.map((follower) => findOperator(follower)?.relaxation?.matters?.(follower, context))
    if (!isLast || matters.includes(undefined)) return builder.add('Or', [own, wanted])
    const anywhere = matters.map((name) => name!).reduce((left, right) => builder.add('Or', [left, right]))
    return builder.add('Or', [builder.add('And', [own, anywhere]), wanted])
  })
  return parts.reduce((left, right) => builder.add('Or', [left, right]))
}

function emitIsRange(value: string, { builder, interval }: IntervalContext): string {
  const { lower, upper } = interval(value)
  return builder.add('Less', [lower, upper])
}

/** The nodes that take an activation and are not linear in it. */
export function nonlinearConsumers(value: string, context: IntervalContext): GraphNode[] {
  return context.graph.nodes.filter(
    (node) =>
      node.inputs.includes(value) &&
      node.outputs.some((output) => context.isActivation(output)) &&
      !findOperator(node)?.linear?.(node, context),
  )
}
