import type { Precision } from '../graph/builder.js'
import { type Graph, isBatch, type TypedGraph } from '../graph/graph.js'
import { emitLoss, type LossName } from './losses.js'
import { startFromModel } from './model-in-graph.js'

/**
 * A graph from the model's input and `labels` (int64, one per sample) to `logits` and `gradient` (of the
 * summed loss with respect to the input).
 */
export function lossGradientGraph(model: TypedGraph, loss: LossName, precision: Precision = 'float32'): Graph {
  const { builder, outputs: logits, gradient } = startFromModel(model, precision)
  const labels = builder.input('labels', 'int64', ['batch'])
  const ofLoss = emitLoss(builder, loss, logits, labels, classCount(model))
  builder.output('logits', logits)
  builder.output('gradient', gradient(ofLoss.gradient))
  return builder.build()
}

/** Number of logits per sample. */
export function classCount(graph: TypedGraph): number {
  const classes = graph.values.get(graph.outputs[0].name)!.shape[1]
  if (classes === undefined || isBatch(classes)) throw new Error('The graph does not end in logits.')
  return classes
}
