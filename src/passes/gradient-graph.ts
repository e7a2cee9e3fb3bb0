import { GraphBuilder, type Precision } from '../graph/builder.js'
import { type Graph, isBatch, type TypedGraph } from '../graph/graph.js'
import { ruleContext } from './context.js'
import { derivativeContext } from './derivative-context.js'
import { declareInputs, emitForward } from './forward.js'
import { emitGradient } from './gradient.js'
import { emitLoss, type LossName } from './losses.js'
import { poolBeforeRelu } from './pool-before-relu.js'

/**
 * A graph from the model's input and `labels` (int64, one per sample) to `logits` and `gradient` (of the
 * summed loss with respect to the input).
 */
export function lossGradientGraph(model: TypedGraph, loss: LossName, precision: Precision = 'float32'): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  const labels = builder.input('labels', 'int64', ['batch'])
  const forward = emitForward(graph, ruleContext(graph, builder))
  const context = derivativeContext(graph, builder, forward)
  const [{ name: output }] = graph.outputs
  const logits = forward.get(output)!
  const { gradient } = emitLoss(builder, loss, logits, labels, classCount(graph))
  builder.output('logits', logits)
  builder.output('gradient', emitGradient(graph, new Map([[output, gradient]]), context))
  return builder.build()
}

/** Number of logits per sample. */
export function classCount(graph: TypedGraph): number {
  const classes = graph.values.get(graph.outputs[0].name)!.shape[1]
  if (classes === undefined || isBatch(classes)) throw new Error('The graph does not end in logits.')
  return classes
}
