import type { Operator } from './operator.js'

/** The slope at 0 is taken as 0. */
export const abs: Operator = {
  name: 'Abs',
  elementwise: { derivative: (node, { builder, value }) => builder.add('Sign', [value(node.inputs[0])]) },
}
