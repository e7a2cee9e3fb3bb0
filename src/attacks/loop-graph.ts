import { GraphBuilder } from '../graph/builder.js'
import { elementTypeNumbers } from '../graph/element-types.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { ruleContext } from '../passes/context.js'
import { emitForward } from '../passes/forward.js'

/** One iteration of an attack, inside the body of the loop. Names of the outer graph are visible there too. */
export interface Iteration {
  readonly body: GraphBuilder
  /** Current candidates, shaped like the model's input. */
  readonly point: string
  /** Carried values of the previous iteration, in the order given. */
  readonly carried: readonly string[]
  /** Values of the model's forward pass at the current point. */
  readonly forward: ReadonlyMap<string, string>
  readonly logits: string
}

export interface NextIteration {
  readonly point: string
  readonly carried: readonly string[]
  /** Size of the gradient (float [batch], in any norm): zero only where it vanishes. */
  readonly slope: string
}

export interface LoopSettings {
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
  /** What an iteration hands to the next one besides the point; all are shaped like the model's input. */
  readonly carried: readonly string[]
}

/**
 * An iterative attack as one graph: a Loop with the model and its gradient in the body, so that one run takes any
 * number of steps. A sample that is fooled stays where it is. `declare` adds inputs of its own and returns what emits
 * an iteration.
 *
 * Inputs, all with the batch first but `trips`: `start:point` and `start:NAME` for what is carried (shaped like the
 * model's input), `labels` (int64), `trips` (int64 scalar, the number of iterations). Outputs: `point` and what is
 * carried, after the last iteration; `fooled` (bool, before the last step), `steps` taken by then (int64) and `slope`
 * (summed over the iterations).
 */
export function loopGraph(
  graph: TypedGraph,
  { targeted, carried }: LoopSettings,
  declare: (builder: GraphBuilder, labels: string) => (iteration: Iteration) => NextIteration,
): Graph {
  const builder = new GraphBuilder(graph.opset)
  const [input] = graph.inputs
  const shape = input.shape!
  const state = ['point', ...carried]
  const starts = state.map((name) => builder.input(`start:${name}`, 'float32', shape))
  const labels = builder.input('labels', 'int64', ['batch'])
  const trips = builder.input('trips', 'int64', [])
  const iterate = declare(builder, labels)

  const body = builder.body()
  body.input('iteration', 'int64', [])
  body.input('goOn', 'bool', [])
  const point = body.input(input.name, 'float32', shape)
  const before = carried.map((name) => body.input(`before:${name}`, 'float32', shape))
  body.input('before:fooled', 'bool', ['batch'])
  const steps = body.input('before:steps', 'int64', ['batch'])
  const slope = body.input('before:slope', 'float32', ['batch'])

  const forward = emitForward(graph, ruleContext(graph, body))
  const logits = forward.get(graph.outputs[0].name)!
  const isLabel = body.add('Equal', [body.add('ArgMax', [logits], { axis: 1, keepdims: 0 }), labels])
  const isOther = body.add('Not', [isLabel])
  const [fooled, standing] = targeted ? [isLabel, isOther] : [isOther, isLabel]
  const next = iterate({ body, point, carried: before, forward, logits })

  const column = body.add('Reshape', [fooled, body.ints([0, ...shape.slice(1).map(() => 1)])])
  const unlessFooled = (from: string, to: string) => body.add('Where', [column, from, to])
  const asFloat = body.add('Cast', [standing], { to: elementTypeNumbers.float32 })
  const anyStanding = body.add('ReduceMax', [asFloat], { keepdims: 0 })
  body.output('after:goOn', body.add('Cast', [anyStanding], { to: elementTypeNumbers.bool }))
  body.output('after:point', unlessFooled(point, next.point))
  carried.forEach((name, index) => body.output(`after:${name}`, unlessFooled(before[index], next.carried[index])))
  body.output('after:fooled', fooled)
  const counted = body.add('Cast', [standing], { to: elementTypeNumbers.int64 })
  body.output('after:steps', body.add('Add', [steps, counted]))
  body.output('after:slope', body.add('Add', [slope, next.slope]))

  const zeros = builder.add('Sub', [labels, labels])
  const zerosAs = (type: 'bool' | 'float32') => builder.add('Cast', [zeros], { to: elementTypeNumbers[type] })
  const initial = [...starts, zerosAs('bool'), zeros, zerosAs('float32')]
  const results = builder.addMany('Loop', [trips, '', ...initial], initial.length, { body: body.build() })
  ;[...state, 'fooled', 'steps', 'slope'].forEach((name, index) => builder.output(name, results[index]))
  return builder.build()
}
