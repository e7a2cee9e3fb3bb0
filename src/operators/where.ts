import { operand, reduceToShape, refuseMovedBatch } from './broadcast.js'
import type { Operator } from './operator.js'
import { sampleShape } from './samples.js'

/** y = condition ? left : right. Nothing flows to the condition. */
export const where: Operator = {
  name: 'Where',
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
