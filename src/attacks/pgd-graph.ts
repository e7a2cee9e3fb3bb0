import type { Norm } from '../geometry/norm.js'
import { GraphBuilder } from '../graph/builder.js'
import { elementCount, type Graph, type TypedGraph } from '../graph/graph.js'
import { ruleContext } from '../passes/context.js'
import { derivativeContext } from '../passes/derivative-context.js'
import { emitForward } from '../passes/forward.js'
import { emitGradient } from '../passes/gradient.js'
import { classCount } from '../passes/gradient-graph.js'
import { emitLoss } from '../passes/losses.js'
import { emitAscent, type Step } from './ascent.js'

export interface PgdGraphSettings {
  readonly norm: Norm
  readonly loss: 'cross-entropy' | 'margin'
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

/**
 * Projected gradient descent as one graph: a Loop with the model and its gradient in the body, so that a run takes
 * any number of steps. A sample that is fooled stays where it is.
 *
 * Inputs, all with the batch first but `trips`: `start`, `origin` (shaped like the model's input), `lower` and `upper`
 * (bounds of every coordinate), `labels` (int64), `epsilon` and `step` (float32, input units, with axes of size 1 for
 * the features), `trips` (int64 scalar). Outputs: `point`; `fooled` (bool, before the last step), `steps` taken before
 * that (int64) and `slope` (the gradients' absolute values, summed over features and steps).
 */
export function pgdGraph(graph: TypedGraph, { norm, loss, targeted }: PgdGraphSettings): Graph {
  const builder = new GraphBuilder(graph.opset)
  const [input] = graph.inputs
  const shape = input.shape!
  const perSample = ['batch', ...shape.slice(1).map(() => 1)]
  const start = builder.input('start', 'float32', shape)
  const step: Step = {
    origin: builder.input('origin', 'float32', shape),
    lower: builder.input('lower', 'float32', shape),
    upper: builder.input('upper', 'float32', shape),
    epsilon: builder.input('epsilon', 'float32', perSample),
    size: builder.input('step', 'float32', perSample),
    featureShape: shape.slice(1) as number[],
  }
  const labels = builder.input('labels', 'int64', ['batch'])
  const trips = builder.input('trips', 'int64', [])

  const body = builder.body()
  body.input('iteration', 'int64', [])
  body.input('goOn', 'bool', [])
  const point = body.input(input.name, 'float32', shape)
  body.input('fooledBefore', 'bool', ['batch'])
  const stepsBefore = body.input('stepsBefore', 'int64', ['batch'])
  const slopeBefore = body.input('slopeBefore', 'float32', ['batch'])

  const forward = emitForward(graph, ruleContext(graph, body))
  const [output] = graph.outputs
  const logits = forward.get(output.name)!
  const isLabel = body.add('Equal', [body.add('ArgMax', [logits], { axis: 1, keepdims: 0 }), labels])
  const fooled = targeted ? isLabel : body.add('Not', [isLabel])
  const standing = body.add('Not', [fooled])

  const { gradient } = emitLoss(body, loss, logits, labels, classCount(graph))
  // The cross-entropy of the label rises and its margin falls as a sample moves away; with targets it is the reverse.
  const ascends = (loss === 'cross-entropy') !== targeted
  const seed = ascends ? gradient : body.add('Neg', [gradient])
  const uphill = emitGradient(graph, new Map([[output.name, seed]]), derivativeContext(graph, body, forward))
  const next = emitAscent(body, norm, point, uphill, step)
  const column = body.add('Reshape', [fooled, body.ints([0, ...step.featureShape.map(() => 1)])])
  const flat = body.add('Reshape', [uphill, body.ints([0, elementCount(step.featureShape)])])

  const anyStanding = body.add('ReduceMax', [body.add('Cast', [standing], { to: 6 })], { keepdims: 0 })
  body.output('goOnAfter', body.add('Cast', [anyStanding], { to: 9 }))
  body.output('pointAfter', body.add('Where', [column, point, next]))
  body.output('fooledAfter', fooled)
  body.output('stepsAfter', body.add('Add', [stepsBefore, body.add('Cast', [standing], { to: 7 })]))
  body.output(
    'slopeAfter',
    body.add('Add', [slopeBefore, body.add('ReduceL1', [flat, body.ints([1])], { keepdims: 0 })]),
  )

  const none = builder.add('Less', [labels, labels])
  const zeros = builder.add('Sub', [labels, labels])
  const carried = [start, none, zeros, builder.add('Cast', [zeros], { to: 1 })]
  const results = builder.addMany('Loop', [trips, '', ...carried], carried.length, { body: body.build() })
  ;['point', 'fooled', 'steps', 'slope'].forEach((name, index) => builder.output(name, results[index]))
  return builder.build()
}
