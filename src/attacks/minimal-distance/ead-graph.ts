import type { Domain } from '../../geometry/domain.js'
import type { GraphBuilder } from '../../graph/builder.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { loopGraph } from '../iteration/loop-graph.js'
import { declareAim, emitBox, emitColumn } from './approach.js'
import { emitPenalty } from './penalty.js'

export interface EadGraphSettings {
  readonly steps: number
  /** β: by how much an iteration shrinks every change, in units of the first estimate of the ℓ1 distance, at most `width`. */
  readonly regularisation: number
  /** In input units. */
  readonly width: number
  readonly learningRate: number
  readonly confidence: number
  readonly decisionRule: 'l1' | 'elastic-net'
  readonly domain: Domain
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

/**
 * An iteration of EAD as a {@link loopGraph} that keeps the closest point: a step of FISTA on
 * c · max(confidence − lead, 0) + ‖δ‖₂² + β‖δ‖₁. It carries `previous` (shaped like the samples), the last point before
 * the acceleration, and per sample `constant` (c; 0 stands for an estimate, to be made in the first iteration),
 * `unit` (the first estimate of the ℓ1 distance), `iteration` and `objective` (the lowest so far). Further input, unless targeted: `rivals` (int64 [batch]), the classes to move to.
 */
export function eadGraph(model: TypedGraph, settings: EadGraphSettings): Graph {
  const { steps, regularisation, width, learningRate, confidence, decisionRule, domain, targeted } = settings
  const featureShape = model.inputs[0].shape!.slice(1) as number[]
  const carried = [
    { name: 'previous', type: 'float32' } as const,
    ...['constant', 'unit', 'iteration', 'objective'].map((name) => ({ name, type: 'float32', shape: [] }) as const),
  ]
  const elasticNet = (to: GraphBuilder, displacement: string) => {
    const [l1, l2] = (['l1', 'l2'] as const).map((norm) => emitNorm(to, norm, displacement, featureShape))
    return to.add('Add', [to.add('Mul', [l2, l2]), to.add('Mul', [l1, to.scalar(regularisation * width)])])
  }
  const closest = decisionRule === 'l1' ? 'l1' : elasticNet
  return loopGraph(model, { targeted, carried, closest }, (builder, labels) => {
    const aim = declareAim(builder, labels, targeted)
    const { lower, upper } = emitBox(builder, domain, featureShape)

    return (state) => {
      const { body, point, carried } = state
      const { constant, gradient, ofLead, value, acceptable, distance } = emitPenalty(
        state,
        aim,
        confidence,
        featureShape,
      )
      const clip = (values: string) => body.add('Min', [body.add('Max', [values, lower]), upper])
      const displacement = body.add('Sub', [point, 'origin'])
      const uphill = body.add('Add', [gradient, body.add('Mul', [displacement, body.scalar(2)])])

      // The learning rate falls like the square root of the iterations left.
      const left = body.add('Sub', [body.scalar(1), body.add('Mul', [carried.iteration, body.scalar(1 / steps)])])
      const rate = body.add('Mul', [body.add('Sqrt', [body.add('Relu', [left])]), body.scalar(learningRate)])
      const step = body.add('Mul', [uphill, emitColumn(body, rate, featureShape)])
      const moved = body.add('Sub', [displacement, step])
      const isFirst = body.add('Equal', [carried.iteration, body.scalar(0)])
      const unit = body.add('Where', [isFirst, body.add('Min', [distance('l1'), body.scalar(width)]), carried.unit])
      const beta = emitColumn(body, body.add('Mul', [unit, body.scalar(regularisation)]), featureShape)
      const cut = body.add('Min', [body.add('Max', [moved, body.add('Neg', [beta])]), beta])
      const shrunk = body.add('Sub', [moved, cut])
      const next = clip(body.add('Add', ['origin', shrunk]))

      const iteration = body.add('Add', [carried.iteration, body.scalar(1)])
      const momentum = body.add('Div', [carried.iteration, body.add('Add', [carried.iteration, body.scalar(3)])])
      const ahead = body.add('Mul', [
        body.add('Sub', [next, carried.previous]),
        emitColumn(body, momentum, featureShape),
      ])
      return {
        point: clip(body.add('Add', [next, ahead])),
        carried: {
          previous: next,
          constant,
          unit,
          iteration,
          objective: body.add('Min', [carried.objective, body.add('Add', [elasticNet(body, displacement), value])]),
        },
        gradient: ofLead,
        acceptable,
      }
    }
  })
}
