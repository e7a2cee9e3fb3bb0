import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import { derivativeContext } from './derivative-context.js'
import { emitGradient } from './gradient.js'
import { classCount } from './gradient-graph.js'

/** Pairs of classes whose margins are wanted: names in the graph being built, or in one around it. */
export interface ClassPairs {
  /** int64 [batch, 1] */
  readonly labels: string
  /** int64 [batch, rivals] */
  readonly rivals: string
  /** int64 [2]: the sizes of `rivals`. */
  readonly sizes: string
  /** int64 [batch · rivals]: the sample of each pair. */
  readonly samples: string
  /** float [batch · rivals, classes]: one-hot label minus one-hot rival. */
  readonly seeds: string
}

/** Pairs the label of each sample (int64, [batch]) with each of its rivals (int64, [batch, rivals]). */
export function emitClassPairs(graph: TypedGraph, builder: GraphBuilder, labels: string, rivals: string): ClassPairs {
  const classes = classCount(graph)
  const column = builder.add('Unsqueeze', [labels, builder.ints([1])])
  const numbers = builder.ints(Array.from({ length: classes }, (_, index) => index))
  const oneHot = (value: string) =>
    asNumber(builder.add('Equal', [builder.add('Unsqueeze', [value, builder.ints([2])]), numbers]), builder)
  const seeds = builder.add('Sub', [oneHot(column), oneHot(rivals)])
  const sizes = builder.add('Shape', [rivals])
  const count = builder.add('Squeeze', [builder.add('Shape', [labels])])
  const sample = builder.add('Range', [builder.int(0), count, builder.int(1)])
  const repeated = builder.add('Expand', [builder.add('Unsqueeze', [sample, builder.ints([1])]), sizes])
  return {
    labels: column,
    rivals,
    sizes,
    samples: builder.add('Reshape', [repeated, builder.ints([-1])]),
    seeds: builder.add('Reshape', [seeds, builder.ints([-1, classes])]),
  }
}

/**
 * Emits the margins f_label − f_rival [batch, rivals] and their gradients with respect to the input
 * [batch, rivals, features], all in one pass over a forward pass that is there already.
 */
export function emitMargins(
  graph: TypedGraph,
  builder: GraphBuilder,
  forward: ReadonlyMap<string, string>,
  { labels, rivals, sizes, samples, seeds }: ClassPairs,
): { margins: string; gradients: string } {
  const [output] = graph.outputs
  const logits = forward.get(output.name)!
  const logitsOf = (classes: string) => builder.add('GatherElements', [logits, classes], { axis: 1 })
  const margins = builder.add('Sub', [logitsOf(labels), logitsOf(rivals)])
  const context = derivativeContext(graph, builder, forward, samples)
  const rows = emitGradient(graph, new Map([[output.name, seeds]]), context)
  const features = elementCount(featureShape(graph.values.get(graph.inputs[0].name)!.shape)!)
  const shape = builder.add('Concat', [sizes, builder.ints([features])], { axis: 0 })
  return { margins, gradients: builder.add('Reshape', [rows, shape]) }
}
