import { GraphBuilder } from '../../graph/builder.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import { ruleContext } from '../../passes/context.js'
import { derivativeContext } from '../../passes/derivative-context.js'
import { declareInputs, emitForward } from '../../passes/forward.js'
import { emitGradient } from '../../passes/gradient.js'
import { emitClassPairs } from '../../passes/margins.js'
import { poolBeforeRelu } from '../../passes/pool-before-relu.js'

/**
 * A graph from the model's input, `cold` (int64 [batch]) and `hot` (int64 [batch, hot classes]) to `directions`
 * [batch · hot classes, ...features]: the hot/cold feature vectors of the logits, |f| at the hot class and −|f| at the
 * cold one, carried back to the input.
 */
export function hotColdGraph(model: TypedGraph): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const cold = builder.input('cold', 'int64', ['batch'])
  const hot = builder.input('hot', 'int64', ['batch', 'hot'])
  const forward = emitForward(graph, ruleContext(graph, builder))
  const [{ name: output }] = graph.outputs
  const { samples, seeds } = emitClassPairs(graph, builder, cold, hot)
  const sizes = builder.add('Gather', [builder.add('Abs', [forward.get(output)!]), samples], { axis: 0 })
  // The seeds are 1 at the first class of a pair and −1 at the second.
  const features = builder.add('Neg', [builder.add('Mul', [seeds, sizes])])
  const context = derivativeContext(graph, builder, forward, samples)
  builder.output('directions', emitGradient(graph, new Map([[output, features]]), context))
  return builder.build()
}
