import { reduceToShape } from './broadcast.js'
import type { LinearRules, Operator } from './operator.js'

function addition(name: 'Add' | 'Sub'): LinearRules {
  return {
    apply(node, inputs, context, { absolute, bias }) {
      const { builder } = context
      const terms = node.inputs.map((input, index) => {
        if (context.isActivation(input)) return inputs[index]
        if (!bias) return undefined
        const weight = context.weight(input)
        return absolute ? builder.add('Abs', [weight]) : weight
      })
      const [left, right] = terms
      if (left !== undefined && right !== undefined) return [builder.add(absolute ? 'Add' : name, [left, right])]
      // Without its constant the sum still has the shape that the constant was broadcast to.
      const zero = builder.scalar(0)
      const shape = builder.ints(context.shape(node.outputs[0]).map((size) => (typeof size === 'number' ? size : 1)))
      const alone = left ?? (absolute || name === 'Add' ? right! : builder.add('Sub', [zero, right!]))
      return [builder.add('Expand', [alone, shape])]
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
  }
}

export const add: Operator = { name: 'Add', linear: () => addition('Add') }
export const sub: Operator = { name: 'Sub', linear: () => addition('Sub') }
