import { floatAttribute } from '../graph/graph.js'
import type { Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'

/** 1 where `input` is positive, `slope` elsewhere. */
function twoSlopes(input: string, slope: string, { builder }: RuleContext): string {
  return builder.add('Where', [builder.add('Greater', [input, builder.scalar(0)]), builder.scalar(1), slope])
}

export const leakyRelu: Operator = {
  name: 'LeakyRelu',
  elementwise: {
    derivative(node, context) {
      const slope = floatAttribute(node, 'alpha', 0.01)
      // Where the output has the sign of the input, reading it lets onnxruntime keep Conv and LeakyRelu fused.
      const source = context.value(slope >= 0 ? node.outputs[0] : node.inputs[0])
      return twoSlopes(source, context.builder.scalar(slope), context)
    },
  },
}

export const pRelu: Operator = {
  name: 'PRelu',
  elementwise: {
    derivative(node, context) {
      const [input, slope] = node.inputs
      if (context.isActivation(slope)) refuse(node, 'its slope depends on the input')
      return twoSlopes(context.value(input), context.weight(slope), context)
    },
  },
}
