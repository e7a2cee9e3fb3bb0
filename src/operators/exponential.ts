import { type Bend, convexRelaxation, increasingInterval } from './convex-relaxation.js'
import { finiteSlope } from './finite-slope.js'
import { itself } from './monotone.js'
import type { Operator } from './operator.js'

const exponential: Bend = { kernel: 'Exp', curvature: () => 'convex', evaluate: itself, derivative: itself }

export const exp: Operator = {
  name: 'Exp',
  elementwise: { derivative: (node, { value }) => value(node.outputs[0]) },
  interval: increasingInterval(exponential),
  relaxation: convexRelaxation(exponential),
}

/** Bounds that reach 0 give none: NaN or infinite ones, which certify nothing. */
const logarithm: Bend = {
  kernel: 'Log',
  curvature: () => 'concave',
  evaluate: itself,
  derivative: (input, _node, { builder }) => builder.add('Reciprocal', [input]),
}

export const log: Operator = {
  name: 'Log',
  elementwise: {
    derivative: (node, { builder, value }) => finiteSlope(builder.add('Reciprocal', [value(node.inputs[0])]), builder),
  },
  interval: increasingInterval(logarithm),
  relaxation: convexRelaxation(logarithm),
}
