import { floatAttribute } from '../graph/graph.js'
import type { Operator, RuleContext } from './operator.js'

/** y = x where x > 0, α·(e^x − 1) elsewhere */
export const elu: Operator = {
  name: 'Elu',
  elementwise: {
    derivative(node, { builder, value }) {
      const input = value(node.inputs[0])
      const slope = builder.add('Mul', [
        expOfNegativePart(input, builder),
        builder.scalar(floatAttribute(node, 'alpha', 1)),
      ])
      return builder.add('Where', [builder.add('Greater', [input, builder.scalar(0)]), builder.scalar(1), slope])
    },
  },

  lower(node, [input], { builder }) {
    const excess = builder.add('Sub', [expOfNegativePart(input, builder), builder.scalar(1)])
    const negative = builder.add('Mul', [excess, builder.scalar(floatAttribute(node, 'alpha', 1))])
    return [builder.add('Add', [builder.add('Relu', [input]), negative])]
  },
}

function expOfNegativePart(input: string, builder: RuleContext['builder']): string {
  return builder.add('Exp', [builder.add('Min', [input, builder.scalar(0)])])
}
