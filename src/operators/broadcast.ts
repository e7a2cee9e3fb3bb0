import { elementCount, type GraphNode, type Shape } from '../graph/graph.js'
import { coefficient } from './coefficient.js'
import type { DerivativeContext, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleShape } from './samples.js'

/** Sums a gradient of shape `from` over the axes along which a value of shape `to` (of the same rank) was broadcast. */
export function reduceToShape(gradient: string, from: Shape, to: Shape, { builder }: RuleContext): string {
  const summed = from.map((_, axis) => axis).filter((axis) => to[axis] === 1 && from[axis] !== 1)
  return summed.length === 0 ? gradient : builder.add('ReduceSum', [gradient, builder.ints(summed)], { keepdims: 1 })
}

/** Refuses broadcasting that puts anything before the batch axis of an activation. */
export function refuseMovedBatch(node: GraphNode, context: RuleContext): void {
  const rank = sampleShape(node.outputs[0], node, context).length + 1
  for (const input of node.inputs) {
    if (context.isActivation(input) && context.shape(input).length !== rank) {
      refuse(node, 'it broadcasts activations of different ranks')
    }
  }
}

/** An operand of a product of activations: a forward value laid out in rows, or a constant. */
export function operand(value: string, context: DerivativeContext): string {
  return context.isActivation(value) ? context.rows(context.value(value)) : coefficient(value, false, context)
}

/** The sum of what is there; at least one must be. */
export function sumOf(parts: readonly (string | undefined)[], { builder }: RuleContext): string {
  return parts.filter((part) => part !== undefined).reduce((left, right) => builder.add('Add', [left, right]))
}

/** Most terms that one element of the transpose of a product or a sum adds up; one rounding more for the factor. */
export function broadcastFanOut(node: GraphNode, context: RuleContext): number {
  const outputs = elementCount(sampleShape(node.outputs[0], node, context))
  const inputs = node.inputs
    .filter((input) => context.isActivation(input))
    .map((input) => elementCount(sampleShape(input, node, context)))
  return outputs / Math.min(...inputs) + 1
}
