import { GraphBuilder, type Precision } from '../graph/builder.js'
import type { TypedGraph } from '../graph/graph.js'
import type { DerivativeContext } from '../operators/operator.js'
import { ruleContext } from './context.js'
import { derivativeContext } from './derivative-context.js'
import { declareInputs, emitForward } from './forward.js'
import { emitGradient } from './gradient.js'
import { poolBeforeRelu } from './pool-before-relu.js'

/** A graph being built that begins with a model's forward pass. */
export interface ModelInGraph {
  readonly builder: GraphBuilder
  /** The model, rearranged so that its gradient takes less. */
  readonly graph: TypedGraph
  /** Its outputs in the graph being built. */
  readonly outputs: string
  readonly context: DerivativeContext
  /** Emits the gradient with respect to the input, from that with respect to the outputs. */
  gradient(ofOutputs: string): string
}

/** Begins a graph with a model's forward pass, from the model's input. */
export function startFromModel(model: TypedGraph, precision: Precision = 'float32'): ModelInGraph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  const context = derivativeContext(graph, builder, forward)
  const [{ name }] = graph.outputs
  return {
    builder,
    graph,
    outputs: forward.get(name)!,
    context,
    gradient: (ofOutputs) => emitGradient(graph, new Map([[name, ofOutputs]]), context),
  }
}
