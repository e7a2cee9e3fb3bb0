import { lowestFloat32 } from '../geometry/float32.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { classCount } from './gradient-graph.js'
import { startFromModel } from './model-in-graph.js'
import { emitUsualScale } from './usual-scale.js'

/**
 * A graph from the model's input and two sets of classes of each sample, `wanted` and `unwanted` (bool [batch, classes],
 * disjoint, not empty), to `logits` and `gradient`: of the summed losses −log(P(wanted) / P(wanted or unwanted)) with
 * respect to the input. A target against all other classes makes it the cross-entropy of the target. All others against
 * the label make it −log(1 − p), whose gradient has the direction of the label's cross-entropy but does not vanish on
 * confident samples.
 * @param scale Of the logits that the gradient is taken at: their own, or one that its direction does not depend on.
 */
export function adversarialLossGraph(model: TypedGraph, scale: 'own' | 'usual' = 'own'): Graph {
  const { builder, outputs: logits, gradient } = startFromModel(model)
  const factor = scale === 'usual' ? emitUsualScale(builder, logits, classCount(model)) : builder.scalar(1)
  const scaled = builder.add('Mul', [logits, factor])
  const logitsOf = (set: string) => {
    const classes = builder.input(set, 'bool', ['batch', classCount(model)])
    return builder.add('Where', [classes, scaled, builder.scalar(lowestFloat32)])
  }
  const [wanted, unwanted] = [logitsOf('wanted'), logitsOf('unwanted')]
  const total = (values: string) => builder.add('ReduceLogSumExp', [values, builder.ints([1])])
  const share = (values: string) => builder.add('Softmax', [values], { axis: 1 })
  // 1 − P(wanted | wanted or unwanted) = 1 / (1 + e^(wanted − unwanted)), without a difference of nearly equal numbers.
  const power = builder.add('Exp', [builder.add('Sub', [total(wanted), total(unwanted)])])
  const rest = builder.add('Reciprocal', [builder.add('Add', [power, builder.scalar(1)])])
  const differences = builder.add('Sub', [share(unwanted), share(wanted)])
  const seeds = builder.add('Mul', [builder.add('Mul', [rest, differences]), factor])

  builder.output('logits', logits)
  builder.output('gradient', gradient(seeds))
  return builder.build()
}
