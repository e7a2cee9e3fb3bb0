import { lowestFloat32 } from '../geometry/float32.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import { classCount } from './gradient-graph.js'
import { startFromModel } from './model-in-graph.js'

/**
 * A graph from the model's input and two sets of classes of each sample, `wanted` and `unwanted` (bool [batch, classes],
 * disjoint, not empty), to `margin` (float [batch]), the largest unwanted logit minus the largest wanted one, and its
 * `gradient` with respect to the input.
 */
export function classMarginGraph(model: TypedGraph): Graph {
  const { builder, outputs, gradient } = startFromModel(model)
  const classes = classCount(model)
  const numbers = builder.ints(Array.from({ length: classes }, (_, index) => index))
  const largestOf = (set: string) => {
    const members = builder.input(set, 'bool', ['batch', classes])
    const logits = builder.add('Where', [members, outputs, builder.scalar(lowestFloat32)])
    const largest = builder.add('ReduceMax', [logits, builder.ints([1])], { keepdims: 0 })
    const isLargest = builder.add('Equal', [builder.add('ArgMax', [logits], { axis: 1 }), numbers])
    return { largest, seed: asNumber(isLargest, builder) }
  }
  const [wanted, unwanted] = [largestOf('wanted'), largestOf('unwanted')]
  const seeds = builder.add('Sub', [unwanted.seed, wanted.seed])
  builder.output('margin', builder.add('Sub', [unwanted.largest, wanted.largest]))
  builder.output('gradient', gradient(seeds))
  return builder.build()
}
