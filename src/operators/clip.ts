import type { GraphNode } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import { identity } from './identity.js'
import { itself, monotone } from './monotone.js'
import type { DerivativeContext, Operator, RuleContext } from './operator.js'
import { type Corners, clipRelaxation } from './piecewise-linear.js'
import { refuse } from './refuse.js'

const increasing = monotone(itself)

/** y = min(max(x, lowest), highest). Like Relu's at 0, the slope at a bound is 0. */
export const clip: Operator = {
  name: 'Clip',
  linear: (node, context) => (node.inputs.slice(1).some(Boolean) ? undefined : identity.linear!(node, context)),
  elementwise: {
    derivative: (node, context) => asNumber(isBetweenBounds(node, context), context.builder),
  },
  interval(node, context) {
    cornersOf(node, context)
    return increasing(node, context)
  },
  relaxation: clipRelaxation(cornersOf),
}

function cornersOf(node: GraphNode, context: RuleContext): Corners {
  const [, lowest = '', highest = ''] = node.inputs
  if (context.isActivation(lowest) || context.isActivation(highest)) refuse(node, 'its bounds depend on the input')
  return { lowest: lowest && context.weight(lowest), highest: highest && context.weight(highest) }
}

function isBetweenBounds(node: GraphNode, context: DerivativeContext): string {
  const { builder } = context
  const { lowest, highest } = cornersOf(node, context)
  // Reading the output rather than the input lets onnxruntime keep Conv and Clip fused.
  const output = context.value(node.outputs[0])
  const above = lowest && builder.add('Greater', [output, lowest])
  const below = highest && builder.add('Less', [output, highest])
  return above && below ? builder.add('And', [above, below]) : above || below
}
