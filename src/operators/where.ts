import { broadcastFanOut, operand, reduceToShape, refuseMovedBatch } from './broadcast.js'
import { coefficient } from './coefficient.js'
import type { LinearRules, Operator } from './operator.js'
import { sampleShape } from './samples.js'

/** The condition does not depend on the input: it picks elements of its branches. */
const picking: LinearRules = {
  apply(node, inputs, context, { absolute, bias }) {
    const { builder } = context
    const [condition, ...branches] = node.inputs
    const operands = branches.map((branch, index) => {
      if (context.isActivation(branch)) return inputs[index + 1]
      return bias ? coefficient(branch, absolute, context) : builder.scalar(0)
    })
    const picked = builder.add('Where', [coefficient(condition, false, context), ...operands])
    // Without the constant branch the result still has the shape that the branch was broadcast to.
    const shape = sampleShape(node.outputs[0], node, context)
    return [builder.add('Expand', [picked, builder.ints([1, ...shape])])]
  },

  transpose(node, [gradient], context) {
    const { builder, shape } = context
    const [condition, left, right] = node.inputs
    const chosen = coefficient(condition, false, context)
    const zero = builder.scalar(0)
    const toBranch = (branch: string, masked: readonly string[]) => {
      if (!context.isActivation(branch)) return undefined
      const flowing = builder.add('Where', [chosen, ...masked])
      return reduceToShape(flowing, shape(node.outputs[0]), shape(branch), context)
    }
    return [undefined, toBranch(left, [gradient!, zero]), toBranch(right, [zero, gradient!])]
  },

  terms: () => 1,
  // One rounding less than a product has.
  fanOut: (node, context) => broadcastFanOut(node, context) - 1,
}

/** y = condition ? left : right. Nothing flows to the condition. */
export const where: Operator = {
  name: 'Where',
  linear(node, context) {
    refuseMovedBatch(node, context)
    return context.isActivation(node.inputs[0]) ? undefined : picking
  },

  derivative: {
    vjp(node, [gradient], context) {
      refuseMovedBatch(node, context)
      const { builder, shape } = context
      const [condition, left, right] = node.inputs
      const chosen = operand(condition, context)
      const zero = builder.scalar(0)
      const toBranch = (branch: string, masked: readonly string[]) => {
        if (!context.isActivation(branch)) return undefined
        const flowing = builder.add('Where', [chosen, ...masked])
        return reduceToShape(flowing, shape(node.outputs[0]), shape(branch), context)
      }
      return [undefined, toBranch(left, [gradient!, zero]), toBranch(right, [zero, gradient!])]
    },

    jvp(node, [, left, right], context) {
      refuseMovedBatch(node, context)
      const { builder } = context
      const zero = builder.scalar(0)
      const tangent = builder.add('Where', [operand(node.inputs[0], context), left ?? zero, right ?? zero])
      // Without the constant branch the result still has the shape that the branch was broadcast to.
      const shape = sampleShape(node.outputs[0], node, context)
      return [builder.add('Expand', [tangent, builder.ints([1, ...shape])])]
    },
  },
}
