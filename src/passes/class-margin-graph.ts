import { lowestFloat32 } from '../geometry/float32.js'
import { GraphBuilder } from '../graph/builder.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import { ruleContext } from './context.js'
import { derivativeContext } from './derivative-context.js'
import { declareInputs, emitForward } from './forward.js'
import { emitGradient } from './gradient.js'
import { classCount } from './gradient-graph.js'
import { poolBeforeRelu } from './pool-before-relu.js'

/**
 * A graph from the model's input and two sets of classes of each sample, `wanted` and `unwanted` (bool [batch, classes],
 * disjoint, not empty), to `margin` (float [batch]), the largest unwanted logit minus the largest wanted one, and its
 * `gradient` with respect to the input.
 */
export function classMarginGraph(model: TypedGraph): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  const [{ name: output }] = graph.outputs
  const classes = classCount(graph)
  const numbers = builder.ints(Array.from({ length: classes }, (_, index) => index))
  const largestOf = (set: string) => {
    const members = builder.input(set, 'bool', ['batch', classes])
    const logits = builder.add('Where', [members, forward.get(output)!, builder.scalar(lowestFloat32)])
    const largest = builder.add('ReduceMax', [logits, builder.ints([1])], { keepdims: 0 })
    const isLargest = builder.add('Equal', [builder.add('ArgMax', [logits], { axis: 1 }), numbers])
    return { largest, seed: asNumber(isLargest, builder) }
  }
  const [wanted, unwanted] = [largestOf('wanted'), largestOf('unwanted')]
  const seeds = builder.add('Sub', [unwanted.seed, wanted.seed])
  builder.output('margin', builder.add('Sub', [unwanted.largest, wanted.largest]))
  const context = derivativeContext(graph, builder, forward)
  builder.output('gradient', emitGradient(graph, new Map([[output, seeds]]), context))
  return builder.build()
}
