import type { Domain } from '../../geometry/domain.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { loopGraph } from '../iteration/loop-graph.js'
import { declareAim, emitApproach, emitBox, emitColumn, emitReach, smallest } from './approach.js'
import { emitCosineSchedule } from './emit-schedule.js'

export interface DdnGraphSettings {
  readonly steps: number
  /** By what fraction the norm of the perturbation changes, first and last. */
  readonly gamma: readonly [number, number]
  /** Length of a step, first and last, in units of the first norm. */
  readonly alpha: readonly [number, number]
  readonly domain: Domain
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

/**
 * An iteration of DDN as a {@link loopGraph} that keeps the closest point. It carries, per sample, `epsilon`, the norm of the
 * perturbation (0 stands for an estimate, to be made in the first iteration), `unit`, the first of them, and the number
 * of the iteration. Further input, unless targeted: `rivals` (int64 [batch]), the classes to move to.
 */
export function ddnGraph(model: TypedGraph, { steps, gamma, alpha, domain, targeted }: DdnGraphSettings): Graph {
  const featureShape = model.inputs[0].shape!.slice(1) as number[]
  const carried = ['epsilon', 'unit', 'iteration'].map((name) => ({ name, type: 'float32', shape: [] }) as const)
  return loopGraph(model, { targeted, carried, closest: 'l2' }, (builder, labels) => {
    const aim = declareAim(builder, labels, targeted)
    const box = emitBox(builder, domain, featureShape)
    const reach = emitReach(builder, 'l2', box)

    return (state) => {
      const { body, point, fooled, carried } = state
      const { uphill, direction, length, distance } = emitApproach(state, aim, box)
      const scaled = (value: string, factor: string) => body.add('Mul', [value, emitColumn(body, factor, featureShape)])
      const atLeast = (value: string) => body.add('Max', [value, body.scalar(smallest)])

      const isFirst = body.add('Equal', [carried.iteration, body.scalar(0)])
      const isGiven = body.add('Greater', [carried.epsilon, body.scalar(0)])
      const first = body.add('Where', [isGiven, carried.epsilon, distance('l2')])
      const fraction = emitCosineSchedule(body, carried.iteration, steps, ...gamma)
      const change = body.add('Where', [fooled, body.add('Neg', [fraction]), fraction])
      const changed = body.add('Add', [carried.epsilon, body.add('Mul', [carried.epsilon, change])])
      const epsilon = atLeast(body.add('Min', [body.add('Where', [isFirst, first, changed]), reach]))
      const unit = body.add('Where', [isFirst, epsilon, carried.unit])

      const step = body.add('Mul', [emitCosineSchedule(body, carried.iteration, steps, ...alpha), unit])
      const move = scaled(direction, body.add('Div', [step, length]))
      const moved = body.add('Add', [body.add('Sub', [point, 'origin']), move])
      const stretch = body.add('Div', [epsilon, atLeast(emitNorm(body, 'l2', moved, featureShape))])
      const onSphere = body.add('Add', ['origin', scaled(moved, stretch)])
      return {
        point: body.add('Min', [body.add('Max', [onSphere, box.lower]), box.upper]),
        carried: { epsilon, unit, iteration: body.add('Add', [carried.iteration, body.scalar(1)]) },
        gradient: uphill,
      }
    }
  })
}
