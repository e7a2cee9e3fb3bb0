import type { Norm } from '../geometry/norm.js'
import { elementCount, type Graph, type TypedGraph } from '../graph/graph.js'
import { classCount } from '../passes/gradient-graph.js'
import { emitLoss } from '../passes/losses.js'
import { type AscentStep, emitAscent } from './ascent.js'
import { loopGraph } from './loop-graph.js'

export interface PgdGraphSettings {
  readonly norm: Norm
  readonly loss: 'cross-entropy' | 'margin'
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

/**
 * Projected gradient descent as a {@link loopGraph}. Its further inputs: `origin` (shaped like the model's input),
 * `lower` and `upper` (bounds of every coordinate: the domain, for ℓ∞ within the ball), `epsilon` and `step` (float32, input units, with axes of size 1 in
 * place of the features).
 */
export function pgdGraph(graph: TypedGraph, { norm, loss, targeted }: PgdGraphSettings): Graph {
  const [input] = graph.inputs
  const shape = input.shape!
  const featureShape = shape.slice(1) as number[]
  const perSample = ['batch', ...featureShape.map(() => 1)]

  return loopGraph(graph, { targeted, carried: [] }, (builder, labels) => {
    const step: AscentStep = {
      origin: builder.input('origin', 'float32', shape),
      lower: builder.input('lower', 'float32', shape),
      upper: builder.input('upper', 'float32', shape),
      epsilon: builder.input('epsilon', 'float32', perSample),
      size: builder.input('step', 'float32', perSample),
      featureShape,
    }
    return ({ body, point, logits, gradient }) => {
      const { gradient: rising } = emitLoss(body, loss, logits, labels, classCount(graph))
      // The cross-entropy of the label rises and its margin falls as a sample moves away; with targets it is the reverse.
      const ascends = (loss === 'cross-entropy') !== targeted
      const seed = ascends ? rising : body.add('Neg', [rising])
      const uphill = gradient(seed)
      const flat = body.add('Reshape', [uphill, body.ints([0, elementCount(featureShape)])])
      return {
        point: emitAscent(body, norm, point, uphill, step),
        carried: {},
        slope: body.add('ReduceL1', [flat, body.ints([1])], { keepdims: 0 }),
      }
    }
  })
}
