import type { Operator } from './operator.js'

export const sin: Operator = {
  name: 'Sin',
  elementwise: { derivative: (node, { builder, value }) => builder.add('Cos', [value(node.inputs[0])]) },
}

export const cos: Operator = {
  name: 'Cos',
  elementwise: {
    derivative: (node, { builder, value }) => builder.add('Neg', [builder.add('Sin', [value(node.inputs[0])])]),
  },
}
