import type { IntervalRule } from './operator.js'

/** Interval rule of an operator that never decreases and whose kernel computes it without rounding. */
export function monotone(operator: string): IntervalRule {
  return (node, { builder, interval }) => {
    const { lower, upper } = interval(node.inputs[0])
    const attributes = Object.fromEntries(node.attributes)
    return {
      lower: builder.add(operator, [lower], attributes),
      upper: builder.add(operator, [upper], attributes),
    }
  }
}
