import { broadcastFanOut, reduceToShape, refuseMovedBatch } from './broadcast.js'
import { coefficient } from './coefficient.js'
import type { LinearRules, Operator } from './operator.js'
import { sampleShape } from './samples.js'

function addition(name: 'Add' | 'Sub'): LinearRules {
  return {
    apply(node, inputs, context, { absolute, bias }) {
      const { builder } = context
      const [left, right] = node.inputs.map((input, index) => {
        if (context.isActivation(input)) return inputs[index]
        return bias ? coefficient(input, absolute, context) : undefined
      })
      if (left !== undefined && right !== undefined) return [builder.add(absolute ? 'Add' : name, [left, right])]
      // Without its constant the sum still has the shape that the constant was broadcast to.
      const alone = left ?? (absolute || name === 'Add' ? right! : builder.add('Neg', [right!]))
      return [builder.add('Expand', [alone, builder.ints([1, ...sampleShape(node.outputs[0], node, context)])])]
    },

    transpose(node, [gradient], context) {
      const from = context.shape(node.outputs[0])
      return node.inputs.map((input, index) => {
        if (!context.isActivation(input)) return undefined
        const reduced = reduceToShape(gradient!, from, context.shape(input), context)
        return index === 1 && name === 'Sub' ? context.builder.add('Neg', [reduced]) : reduced
      })
    },

    terms: () => 2,
    fanOut: broadcastFanOut,
  }
}

function additionOperator(name: 'Add' | 'Sub'): Operator {
  const rules = addition(name)
  return {
    name,
    linear(node, context) {
      refuseMovedBatch(node, context)
      return rules
    },
  }
}

export const add = additionOperator('Add')
export const sub = additionOperator('Sub')
