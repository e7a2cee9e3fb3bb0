import type { GraphNode } from '../graph/graph.js'
import type { IntervalContext, IntervalRule } from './operator.js'

/**
 * Interval rule of an operator that never decreases in any input element. `apply` computes it from its input; `error`
 * is the absolute error of the model's kernel and of that computation together.
 */
export function monotone(
  apply: (input: string, node: GraphNode, context: IntervalContext) => string,
  error: (context: IntervalContext) => number = () => 0,
): IntervalRule {
  return (node, context) => {
    const { builder, interval } = context
    const { lower, upper } = interval(node.inputs[0])
    const allowance = error(context)
    const [low, high] = [apply(lower, node, context), apply(upper, node, context)]
    if (allowance === 0) return { lower: low, upper: high }
    return {
      lower: builder.add('Sub', [low, builder.scalar(allowance)]),
      upper: builder.add('Add', [high, builder.scalar(allowance)]),
    }
  }
}

/** The operator itself, applied to something else. */
export function itself(input: string, node: GraphNode, { builder, weight }: IntervalContext): string {
  const others = node.inputs.slice(1).map((value) => value && weight(value))
  return builder.add(node.operator, [input, ...others], Object.fromEntries(node.attributes))
}
