import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import { classCount } from '../../passes/gradient-graph.js'
import { emitLoss, type Loss } from '../../passes/losses.js'
import { emitAttackLoss } from '../iteration/emit-attack-loss.js'
import { type Carried, loopGraph } from '../iteration/loop-graph.js'
import { emitPlaces, emitReplaced } from '../iteration/replace-rows.js'
import { momentumSchedule } from './apgd-momentum.js'
import type { ApgdSchedule } from './apgd-schedule.js'
import { sparseSchedule } from './apgd-sparse.js'

export type ApgdLoss = 'cross-entropy' | 'dlr' | 'margin'

export interface ApgdGraphSettings {
  readonly norm: Norm
  readonly loss: ApgdLoss
  readonly steps: number
  readonly rho: number
  /**
   * Where the loss leads: away from the `labels`, to the `labels` as targets, or to classes of a further input `towards`
   * (int64, per sample) while any class but the `labels` counts as success.
   */
  readonly aim: 'untargeted' | 'targeted' | 'towards'
}

export const apgdSchedules: Record<Norm, ApgdSchedule> = {
  linf: momentumSchedule,
  l2: momentumSchedule,
  l1: sparseSchedule,
}

/**
 * Auto-PGD as a {@link loopGraph}. It carries `highest` (the point with the largest loss) and `highestGradient`, both shaped
 * like a sample, `highestLoss` (float32) and `iteration` (int64), and what its schedule does. Its further inputs: `origin`,
 * `lower`, `upper` and `epsilon` as in {@link Ball}.
 */
export function apgdGraph(model: TypedGraph, settings: ApgdGraphSettings): Graph {
  const { norm, loss: lossName, steps, rho, aim } = settings
  const shape = model.inputs[0].shape!
  const featureShape = shape.slice(1) as number[]
  const ones = featureShape.map(() => 1)
  const classes = classCount(model)
  const schedule = apgdSchedules[norm]
  const carried: Carried[] = [
    ...['highest', 'highestGradient', ...schedule.points].map((name) => ({ name, type: 'float32' }) as const),
    ...['highestLoss', ...Object.keys(schedule.memory(1, 1))].map(
      (name) => ({ name, type: 'float32', shape: ones }) as const,
    ),
    { name: 'iteration', type: 'int64', shape: ones },
  ]

  return loopGraph(model, { targeted: aim === 'targeted', carried }, (builder, labels) => {
    const ball = {
      origin: builder.input('origin', 'float32', shape),
      lower: builder.input('lower', 'float32', shape),
      upper: builder.input('upper', 'float32', shape),
      epsilon: builder.input('epsilon', 'float32', ['batch', ...ones]),
      featureShape,
    }
    const aimedAt = aim === 'towards' ? builder.input('towards', 'int64', ['batch']) : labels

    return ({ body, point, carried: before, logits, gradient }) => {
      const objective = emitObjective(body, lossName, aim !== 'untargeted', logits, aimedAt, classes)
      const loss = body.add('Reshape', [objective.value, body.ints([0, ...ones])])
      const uphill = gradient(objective.gradient)
      const rises = body.add('Greater', [loss, before.highestLoss])
      const risen = emitPlaces(body, rises)
      const best = {
        highest: emitReplaced(body, before.highest, point, risen),
        highestGradient: emitReplaced(body, before.highestGradient, uphill, risen),
        highestLoss: body.add('Where', [rises, loss, before.highestLoss]),
      }
      const { iteration } = before
      const next = schedule.advance(body, { norm, steps, rho, ball, point, uphill, loss, ...best, iteration, before })
      return {
        point: next.point,
        carried: { ...best, ...next.carried, iteration: body.add('Add', [iteration, body.int(1)]) },
        gradient: uphill,
      }
    }
  })
}

/** What the attack raises, to get away from classes or to come to them. */
function emitObjective(
  builder: GraphBuilder,
  loss: ApgdLoss,
  comes: boolean,
  logits: string,
  labels: string,
  classes: number,
): Loss {
  if (loss === 'dlr') return emitLoss(builder, comes ? 'targeted-dlr' : 'dlr', logits, labels, classes)
  const emitted = emitAttackLoss(builder, loss, logits, labels, classes)
  // The cross-entropy of a class grows as a sample moves away from it, the margin as it comes nearer.
  if ((loss === 'margin') === comes) return emitted
  return { value: builder.add('Neg', [emitted.value]), gradient: builder.add('Neg', [emitted.gradient]) }
}
