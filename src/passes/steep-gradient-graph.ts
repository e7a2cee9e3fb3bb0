import { GraphBuilder } from '../graph/builder.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { findOperator } from '../operators/registry.js'
import { ruleContext } from './context.js'
import { emitGradient } from './gradient.js'
import { classCount } from './gradient-graph.js'
import { emitLoss } from './losses.js'
import { startFromModel } from './model-in-graph.js'

/** Whether some slope of the model can be infinite, as that of √x is at 0. */
export function hasSteepOperators(graph: TypedGraph): boolean {
  const { isActivation } = ruleContext(graph, new GraphBuilder(graph.opset))
  return graph.nodes.some(
    (node) => isActivation(node.inputs[0]) && findOperator(node)?.elementwise?.isSteep?.(node, graph),
  )
}

/**
 * A graph from the model's input and `labels` (int64, one per sample) to two gradients of the margins of the labels: in
 * `gradient` infinite slopes count as 0, as they always do, in `steep` as 1. Where the two differ, there are some on the way.
 */
export function steepGradientGraph(model: TypedGraph): Graph {
  const { builder, graph, outputs, context, gradient } = startFromModel(model)
  const labels = builder.input('labels', 'int64', ['batch'])
  const margin = emitLoss(builder, 'margin', outputs, labels, classCount(graph))
  builder.output('gradient', gradient(margin.gradient))
  const seeds = new Map([[graph.outputs[0].name, margin.gradient]])
  builder.output('steep', emitGradient(graph, seeds, { ...context, infiniteSlope: 1 }))
  return builder.build()
}
