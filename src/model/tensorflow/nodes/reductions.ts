import { channelsLast } from '../layers/value.js'
import { isSet, type NodeRule } from './node.js'
import { axisIn, integersAt, valueAt } from './operands.js'

/** The mean, sum, maximum, minimum or norm over some axes. */
const reduce =
  (operator: string): NodeRule =>
  (context) => {
    const { builder, node } = context
    const value = valueAt(context, 0)
    const axes = integersAt(context, 1).map((axis) => axisIn(value, axis))
    const keepdims = isSet(node, 'keep_dims') ? 1 : 0
    const rank = value.shape.length
    const shape = value.shape.flatMap((size, axis) => (axes.includes(axis + 1) ? Array(keepdims).fill(1) : [size]))
    const isSpatial = value.first !== undefined && axes.every((axis) => axis < rank)
    if (isSpatial) {
      const reduced = builder.add(operator, [value.first!, builder.ints(axes.map((axis) => axis + 1))], { keepdims })
      if (keepdims === 1) return [{ shape, first: reduced }]
      // Without its spatial axes, the channels are the last axis.
      if (axes.length === rank - 1) return [{ shape, last: reduced }]
    }
    return [{ shape, last: builder.add(operator, [channelsLast(builder, value), builder.ints(axes)], { keepdims }) }]
  }

export const reductionNodes: Readonly<Record<string, NodeRule>> = {
  EuclideanNorm: reduce('ReduceL2'),
  Max: reduce('ReduceMax'),
  Mean: reduce('ReduceMean'),
  Min: reduce('ReduceMin'),
  Sum: reduce('ReduceSum'),

  Cumsum(context) {
    const { builder, node } = context
    const value = valueAt(context, 0)
    const axis = builder.int(axisIn(value, integersAt(context, 1)[0]))
    const attributes = { exclusive: isSet(node, 'exclusive') ? 1 : 0, reverse: isSet(node, 'reverse') ? 1 : 0 }
    return [{ shape: value.shape, last: builder.add('CumSum', [channelsLast(builder, value), axis], attributes) }]
  },
}
