import { reduceToShape, refuseMovedBatch } from './broadcast.js'
import type { LinearRules, Operator } from './operator.js'
import { sampleShape } from './samples.js'

const expansion: LinearRules = {
  apply(node, [input], context) {
    const shape = sampleShape(node.outputs[0], node, context)
    return [context.builder.add('Expand', [input, context.builder.ints([1, ...shape])])]
  },

  transpose(node, [gradient], context) {
    const [input] = node.inputs
    return [reduceToShape(gradient!, context.shape(node.outputs[0]), context.shape(input), context), undefined]
  },

  terms: () => 1,
}

export const expand: Operator = {
  name: 'Expand',
  linear(node, context) {
    if (context.isActivation(node.inputs[1])) return undefined
    refuseMovedBatch(node, context)
    return expansion
  },
}
