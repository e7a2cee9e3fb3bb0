import { isBatch, type Shape } from '../graph/graph.js'
import type { RuleContext } from './operator.js'

/** Sums a gradient of shape `from` over the axes along which a value of shape `to` was broadcast. */
export function reduceToShape(gradient: string, from: Shape, to: Shape, { builder }: RuleContext): string {
  const lead = from.length - to.length
  const summed = from
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (to[axis - lead] === 1 && from[axis] !== 1))
  if (summed.length === 0) return gradient
  const reduced = builder.add('ReduceSum', [gradient, builder.ints(summed)], { keepdims: 1 })
  return lead === 0 ? reduced : builder.add('Reshape', [reduced, reshapeTarget(to, builder)])
}

/** The constant second input of Reshape that gives `shape`; the leading batch axis is copied from the input. */
export function reshapeTarget(shape: Shape, builder: RuleContext['builder']): string {
  return builder.ints(shape.map((size, axis) => (isBatch(size) ? (axis === 0 && size.batch === 1 ? 0 : -1) : size)))
}
