import type { Graph, TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import { classCount } from './gradient-graph.js'
import { startFromModel } from './model-in-graph.js'

/**
 * A graph from the model's input, and positions `plus` and `minus` (int32 [batch, rows]) of outputs y, to `values` of the
 * rows y[plus] − y[minus] (float [batch, rows]), where a position of −1 means 0, and the `gradient` of the largest of each
 * sample's rows with respect to the input.
 */
export function largestRowGraph(model: TypedGraph): Graph {
  const { builder, outputs, gradient } = startFromModel(model)
  const [plus, minus] = ['plus', 'minus'].map((name) => builder.input(name, 'int32', ['batch', 'rows']))
  const positions = builder.constant({
    type: 'int32',
    shape: [classCount(model)],
    data: Int32Array.from({ length: classCount(model) }, (_, position) => position),
  })
  const oneHot = (position: string) => {
    const column = builder.add('Unsqueeze', [position, builder.ints([-1])])
    return asNumber(builder.add('Equal', [column, positions]), builder)
  }
  const signs = builder.add('Sub', [oneHot(plus), oneHot(minus)])
  const products = builder.add('Mul', [signs, builder.add('Unsqueeze', [outputs, builder.ints([1])])])
  const values = builder.add('ReduceSum', [products, builder.ints([2])], { keepdims: 0 })
  const largest = builder.add('ArgMax', [values], { axis: 1, keepdims: 1 })
  builder.output('values', values)
  const seeds = builder.add('GatherND', [signs, largest], { batch_dims: 1 })
  builder.output('gradient', gradient(seeds))
  return builder.build()
}
