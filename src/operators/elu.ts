import { floatAttribute, type GraphNode } from '../graph/graph.js'
import { type Bend, convexRelaxation, increasingInterval } from './convex-relaxation.js'
import type { Operator, RuleContext } from './operator.js'
import { refuseBound } from './refuse.js'

const bend: Bend = {
  kernel: 'Elu',
  curvature(node) {
    const alpha = floatAttribute(node, 'alpha', 1)
    // Of a larger α the slope falls at 0.
    return alpha >= 0 && alpha <= 1 ? 'convex' : refuseBound(node, 'its alpha is not between 0 and 1')
  },
  evaluate: (input, node, { builder }) => emitElu(input, node, builder),
  derivative: (input, node, { builder }) => emitSlope(input, node, builder),
}

/** y = x where x > 0, α·(e^x − 1) elsewhere */
export const elu: Operator = {
  name: 'Elu',
  elementwise: {
    derivative: (node, { builder, value }) => emitSlope(value(node.inputs[0]), node, builder),
  },
  interval: increasingInterval(bend),
  relaxation: convexRelaxation(bend),

  lower: (node, [input], { builder }) => [emitElu(input, node, builder)],
}

type Builder = RuleContext['builder']

function emitSlope(input: string, node: GraphNode, builder: Builder): string {
  const alpha = builder.scalar(floatAttribute(node, 'alpha', 1))
  const slope = builder.add('Mul', [expOfNegativePart(input, builder), alpha])
  return builder.add('Where', [builder.add('Greater', [input, builder.scalar(0)]), builder.scalar(1), slope])
}

function emitElu(input: string, node: GraphNode, builder: Builder): string {
  const excess = builder.add('Sub', [expOfNegativePart(input, builder), builder.scalar(1)])
  const negative = builder.add('Mul', [excess, builder.scalar(floatAttribute(node, 'alpha', 1))])
  return builder.add('Add', [builder.add('Relu', [input]), negative])
}

function expOfNegativePart(input: string, builder: Builder): string {
  return builder.add('Exp', [builder.add('Min', [input, builder.scalar(0)])])
}
