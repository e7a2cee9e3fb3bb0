import { GraphBuilder, type Precision } from '../graph/builder.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { ruleContext } from './context.js'
import { declareInputs, emitForward } from './forward.js'

/** The model itself, computed in the given precision, with its output called `logits`. */
export function forwardGraph(graph: TypedGraph, precision: Precision): Graph {
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  builder.output('logits', forward.get(graph.outputs[0].name)!)
  return builder.build()
}
