import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, operand, reduceToShape, refuseMovedBatch } from './broadcast.js'
import { coefficient } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
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
    return toBranches(node, coefficient(node.inputs[0], false, context), gradient!, context)
  },

  terms: () => 1,
  // One rounding less than a product has.
  fanOut: (node, context) => broadcastFanOut(node, context) - 1,
}

/** Each branch gets the gradient where it is chosen. */
function toBranches(node: GraphNode, chosen: string, gradient: string, context: RuleContext): (string | undefined)[] {
  const { builder, shape } = context
  const [, left, right] = node.inputs
  const zero = builder.scalar(0)
  const toBranch = (branch: string, masked: readonly string[]) => {
    if (!context.isActivation(branch)) return undefined
    const flowing = builder.add('Where', [chosen, ...masked])
    return reduceToShape(flowing, shape(node.outputs[0]), shape(branch), context)
  }
  return [undefined, toBranch(left, [gradient, zero]), toBranch(right, [zero, gradient])]
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
      return toBranches(node, operand(node.inputs[0], context), gradient!, context)
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
