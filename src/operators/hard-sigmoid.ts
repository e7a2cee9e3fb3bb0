import { float, type GraphBuilder } from '../graph/builder.js'
import { floatAttribute } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import type { Operator } from './operator.js'

/** y = min(max(α·x + β, 0), 1). Like Clip's, its slope at the corners is 0. */
export const hardSigmoid: Operator = {
  name: 'HardSigmoid',
  elementwise: {
    derivative(node, { builder, value }) {
      const slope = builder.scalar(floatAttribute(node, 'alpha', 0.2))
      return builder.add('Mul', [asNumber(isBetweenZeroAndOne(value(node.outputs[0]), builder), builder), slope])
    },
  },

  lower: (node, [input], { builder }) => [
    emitHardSigmoid(input, floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5), builder),
  ],
}

/** y = x · min(max(x / 6 + 1 / 2, 0), 1) */
export const hardSwish: Operator = {
  name: 'HardSwish',
  elementwise: {
    derivative(node, { builder, value }) {
      const input = value(node.inputs[0])
      const gate = emitHardSigmoid(input, 1 / 6, 0.5, builder)
      const gateSlope = builder.add('Mul', [input, builder.scalar(1 / 6)])
      const open = builder.add('Where', [isBetweenZeroAndOne(gate, builder), gateSlope, builder.scalar(0)])
      return builder.add('Add', [gate, open])
    },
  },

  lower: (_node, [input], { builder }) => [builder.add('Mul', [input, emitHardSigmoid(input, 1 / 6, 0.5, builder)])],
}

function emitHardSigmoid(input: string, alpha: number, beta: number, builder: GraphBuilder): string {
  if (builder.precision === 'float32') {
    return builder.add('HardSigmoid', [input], { alpha: float(alpha), beta: float(beta) })
  }
  const line = builder.add('Add', [builder.add('Mul', [input, builder.scalar(alpha)]), builder.scalar(beta)])
  return builder.add('Clip', [line, builder.scalar(0), builder.scalar(1)])
}

function isBetweenZeroAndOne(value: string, builder: GraphBuilder): string {
  const above = builder.add('Greater', [value, builder.scalar(0)])
  return builder.add('And', [above, builder.add('Less', [value, builder.scalar(1)])])
}
