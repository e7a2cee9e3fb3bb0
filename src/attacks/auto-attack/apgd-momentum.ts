import { elementTypeNumbers } from '../../graph/element-types.js'
import { emitAscent } from '../iteration/ascent.js'
import { emitProjection } from '../iteration/emit-projection.js'
import { emitPlaces, emitReplaced } from '../iteration/replace-rows.js'
import type { ApgdSchedule } from './apgd-schedule.js'
import { checkpointPeriods } from './checkpoint-periods.js'

// Weight of the new step against the previous one.
const momentum = 0.75

/**
 * Auto-PGD in ℓ∞ and ℓ2: steps of steepest ascent with momentum. A step size is halved at a checkpoint, and the search goes
 * on from the best point, when the loss grew in no more than the share ρ of the steps since the last one, or when neither
 * step size nor largest loss changed at it. Croce and Hein, ICML 2020, Algorithm 1.
 */
export const momentumSchedule: ApgdSchedule = {
  points: ['previous'],

  memory: (epsilon) => ({
    // Twice the radius reaches the other side of the ball.
    size: 2 * epsilon,
    /** Largest loss at the last checkpoint. */
    checkpointLoss: -3e38,
    /** Loss at the point that the last step started from. */
    lastLoss: 3e38,
    /** How often the loss grew since the last checkpoint. */
    increases: 0,
    /** 1 when the last checkpoint halved the step size. The first one halves none for want of a larger loss. */
    halved: 1,
  }),

  advance(builder, { norm, steps, rho, ball, point, uphill, loss, highest, highestGradient, highestLoss, ...rest }) {
    const { iteration, before } = rest
    const where = (condition: string, chosen: string, other: string) => builder.add('Where', [condition, chosen, other])
    const asFloat = (value: string) => builder.add('Cast', [value], { to: elementTypeNumbers.float32 })

    const period = builder.add('Gather', [builder.floats(checkpointPeriods(steps)), iteration])
    const atCheckpoint = builder.add('Greater', [period, builder.scalar(0)])
    const increases = builder.add('Add', [before.increases, asFloat(builder.add('Greater', [loss, before.lastLoss]))])
    const enough = builder.add('Greater', [increases, builder.add('Mul', [period, builder.scalar(rho)])])
    const higher = builder.add('Greater', [highestLoss, before.checkpointLoss])
    const changed = builder.add('Or', [higher, builder.add('Greater', [before.halved, builder.scalar(0)])])
    const goesOn = builder.add('And', [enough, changed])
    const halves = builder.add('And', [atCheckpoint, builder.add('Not', [goesOn])])
    const size = where(halves, builder.add('Mul', [before.size, builder.scalar(0.5)]), before.size)
    const returning = emitPlaces(builder, halves)
    const from = emitReplaced(builder, point, highest, returning)
    const gradient = emitReplaced(builder, uphill, highestGradient, returning)

    const stepped = emitAscent(builder, norm, from, gradient, { ...ball, size })
    const isFirst = builder.add('Equal', [iteration, builder.int(0)])
    const fresh = where(isFirst, builder.scalar(1), builder.scalar(momentum))
    const inertia = where(isFirst, builder.scalar(0), builder.scalar(1 - momentum))
    const mixed = builder.add('Add', [
      builder.add('Add', [from, builder.add('Mul', [fresh, builder.add('Sub', [stepped, from])])]),
      builder.add('Mul', [inertia, builder.add('Sub', [from, before.previous])]),
    ])
    return {
      point: emitProjection(builder, norm, mixed, ball),
      carried: {
        previous: from,
        size,
        checkpointLoss: where(atCheckpoint, highestLoss, before.checkpointLoss),
        lastLoss: where(halves, highestLoss, loss),
        increases: where(atCheckpoint, builder.scalar(0), increases),
        halved: where(atCheckpoint, asFloat(halves), before.halved),
      },
    }
  },
}
