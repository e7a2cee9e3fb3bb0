import { finiteSlope } from './finite-slope.js'
import type { Operator } from './operator.js'

export const exp: Operator = {
  name: 'Exp',
  elementwise: { derivative: (node, { value }) => value(node.outputs[0]) },
}

export const log: Operator = {
  name: 'Log',
  elementwise: {
    derivative: (node, { builder, value }) => finiteSlope(builder.add('Reciprocal', [value(node.inputs[0])]), builder),
  },
}
