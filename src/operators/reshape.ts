import type { LinearRules, Operator } from './operator.js'
import { rowsOf, sampleShape } from './samples.js'

/** Same numbers in the same order under another shape. */
const reshaping: LinearRules = {
  apply(node, [input], context) {
    const shape = sampleShape(node.outputs[0], node, context)
    return [context.builder.add('Reshape', [input, rowsOf(shape, context.builder)])]
  },

  transpose(node, [gradient], context) {
    const shape = sampleShape(node.inputs[0], node, context)
    return [context.builder.add('Reshape', [gradient!, rowsOf(shape, context.builder)])]
  },

  terms: () => 1,
  fanOut: () => 1,
}

const reshapingOperator = (name: string): Operator => ({ name, linear: () => reshaping })

export const reshape = reshapingOperator('Reshape')
export const flatten = reshapingOperator('Flatten')
export const squeeze = reshapingOperator('Squeeze')
export const unsqueeze = reshapingOperator('Unsqueeze')
