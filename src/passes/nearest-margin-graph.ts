import type { Norm } from '../geometry/norm.js'
import { GraphBuilder } from '../graph/builder.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { ruleContext } from './context.js'
import { declareInputs, emitForward } from './forward.js'
import { emitClassPairs, emitMargins } from './margins.js'
import { poolBeforeRelu } from './pool-before-relu.js'

// A zero gradient divides nothing.
const smallestNorm = 1e-30

/**
 * A graph from the model's input, `labels` (int64 [batch]) and `rivals` (int64 [batch, rivals]) to one of the boundaries
 * between label and rivals, when the margins f_label − f_rival are replaced by their linearisations: the nearest in the given
 * norm, or where `ahead` is set and the label is a class to get to, the one that is furthest ahead. Its `margin` (float
 * [batch]), the margin's `gradient` (float [batch, features]) and the gradient's `slope`, its dual norm (float [batch]).
 */
export function nearestMarginGraph(model: TypedGraph, norm: Norm, ahead: boolean): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const labels = builder.input('labels', 'int64', ['batch'])
  const rivals = builder.input('rivals', 'int64', ['batch', 'rivals'])
  const forward = emitForward(graph, ruleContext(graph, builder))
  const pairs = emitClassPairs(graph, builder, labels, rivals)
  const { margins, gradients } = emitMargins(graph, builder, forward, pairs)
  const slopes = emitDualNorms(builder, norm, gradients)
  const divisors = builder.add('Max', [slopes, builder.scalar(smallestNorm)])
  const signed = builder.add('Div', [margins, divisors])
  const distances = ahead ? signed : builder.add('Abs', [signed])
  const nearest = builder.add('ArgMin', [distances], { axis: 1, keepdims: 1 })
  const ofNearest = (values: string) =>
    builder.add('Squeeze', [builder.add('GatherElements', [values, nearest], { axis: 1 }), builder.ints([1])])
  builder.output('margin', ofNearest(margins))
  builder.output('slope', ofNearest(slopes))
  builder.output('gradient', builder.add('GatherND', [gradients, nearest], { batch_dims: 1 }))
  return builder.build()
}

function emitDualNorms(builder: GraphBuilder, norm: Norm, gradients: string): string {
  const reduce = (operator: string, values: string) =>
    builder.add(operator, [values, builder.ints([2])], { keepdims: 0 })
  switch (norm) {
    case 'linf':
      return reduce('ReduceL1', gradients)
    case 'l2':
      return reduce('ReduceL2', gradients)
    case 'l1':
      return reduce('ReduceMax', builder.add('Abs', [gradients]))
  }
}
