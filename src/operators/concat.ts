import { type GraphNode, intAttribute } from '../graph/graph.js'
import { coefficient } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { repeatForRows, sampleAxis, sampleShape } from './samples.js'

const concatenation: LinearRules = {
  apply(node, inputs, context, { absolute, bias }) {
    const { builder } = context
    const reference = inputs[node.inputs.findIndex((input) => context.isActivation(input))]
    const parts = node.inputs.map((input, index) => {
      if (context.isActivation(input)) return inputs[index]
      const part = bias ? coefficient(input, absolute, context) : builder.scalar(0)
      return repeatForRows(part, constantShape(input, context), reference, builder)
    })
    return [builder.add('Concat', parts, { axis: axisOf(node, context) })]
  },

  transpose(node, [gradient], context) {
    const { builder } = context
    const axis = axisOf(node, context)
    let end = 0
    return node.inputs.map((input) => {
      const start = end
      end += context.shape(input)[axis] as number
      if (!context.isActivation(input)) return undefined
      return builder.add('Slice', [gradient!, builder.ints([start]), builder.ints([end]), builder.ints([axis])])
    })
  },

  terms: () => 1,
  fanOut: () => 1,
}

function axisOf(node: GraphNode, context: RuleContext): number {
  const rank = sampleShape(node.outputs[0], node, context).length + 1
  return sampleAxis(intAttribute(node, 'axis', 0), rank, node)
}

function constantShape(value: string, context: RuleContext): readonly number[] {
  return context.shape(value).slice(1) as readonly number[]
}

export const concat: Operator = { name: 'Concat', linear: () => concatenation }
