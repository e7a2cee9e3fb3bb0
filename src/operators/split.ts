import { type GraphNode, intAttribute } from '../graph/graph.js'
import { constantInts } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { repeatForRows, sampleAxis, sampleShape } from './samples.js'

const splitting: LinearRules = {
  apply(node, [input], context) {
    const { builder } = context
    const { axis, sizes } = describe(node, context)
    return builder.addMany('Split', [input, builder.ints(sizes)], sizes.length, { axis })
  },

  transpose(node, gradients, context) {
    const { builder } = context
    const { axis, sizes, shape } = describe(node, context)
    const reference = gradients.find((gradient) => gradient !== undefined)!
    const parts = sizes.map((size, index) => {
      const partShape = shape.map((whole, position) => (position === axis - 1 ? size : whole))
      return gradients[index] ?? repeatForRows(builder.scalar(0), partShape, reference, builder)
    })
    return [builder.add('Concat', parts, { axis })]
  },

  terms: () => 1,
  fanOut: () => 1,
}

function describe(node: GraphNode, context: RuleContext) {
  const shape = sampleShape(node.inputs[0], node, context)
  const axis = sampleAxis(intAttribute(node, 'axis', 0), shape.length + 1, node)
  const whole = shape[axis - 1]
  const count = intAttribute(node, 'num_outputs', node.outputs.length)
  const equal = Math.ceil(whole / count)
  const sizes =
    constantInts(node.inputs[1], context) ??
    Array.from({ length: count }, (_, index) => Math.min(equal, whole - index * equal))
  return { axis, sizes, shape }
}

export const split: Operator = { name: 'Split', linear: () => splitting }
