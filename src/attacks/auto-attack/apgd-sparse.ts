import { elementTypeNumbers } from '../../graph/element-types.js'
import { elementCount } from '../../graph/graph.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { emitProjection } from '../iteration/emit-projection.js'
import { emitRanked } from '../iteration/emit-ranked.js'
import { emitSign } from '../iteration/emit-sign.js'
import { emitFeasible, emitFreeDirections } from '../iteration/free-directions.js'
import { emitPlaces, emitReplaced } from '../iteration/replace-rows.js'
import type { ApgdSchedule } from './apgd-schedule.js'

// Shares of all steps between checkpoints, and of all features that the first steps change.
const period = 0.04
const firstShare = 0.2
const reduction = 1.5
const smallestSize = 0.1
// A best point with fewer changed features than this share of before is progress.
const sparser = 0.95

/**
 * Auto-PGD in ℓ1: steps that change the features with the largest derivatives, all by the same amount. At a checkpoint
 * the number of features follows that of the best point. Where that fell the step size starts anew, from the best point;
 * elsewhere it is reduced. Croce and Hein, "Mind the box: ℓ1-APGD for sparse adversarial attacks on image classifiers",
 * ICML 2021, Algorithm 1.
 */
export const sparseSchedule: ApgdSchedule = {
  points: [],

  memory: (epsilon, features) => ({
    size: epsilon,
    /** How many features a step changes. */
    width: firstShare * features,
    /** How many features of the best point were changed at the last checkpoint. */
    changedBefore: features,
  }),

  advance(builder, { steps, ball, point, uphill, highest, highestGradient, iteration, before }) {
    const { origin, lower, upper, epsilon, featureShape } = ball
    const features = elementCount(featureShape)
    const ones = builder.ints([0, ...featureShape.map(() => 1)])
    const where = (condition: string, chosen: string, other: string) => builder.add('Where', [condition, chosen, other])
    const times = (value: string, factor: number) => builder.add('Mul', [value, builder.scalar(factor)])

    const every = builder.int(Math.max(Math.floor(period * steps), 1))
    const isMultiple = builder.add('Equal', [builder.add('Mod', [iteration, every]), builder.int(0)])
    const atCheckpoint = builder.add('And', [isMultiple, builder.add('Greater', [iteration, builder.int(0)])])
    const displacement = builder.add('Sub', [highest, origin])
    const changed = builder.add('Reshape', [emitNorm(builder, 'l0', displacement, featureShape), ones])
    const isSparser = builder.add('Less', [changed, times(before.changedBefore, sparser)])
    const restarts = builder.add('And', [atCheckpoint, isSparser])
    const reduced = builder.add('Max', [times(before.size, 1 / reduction), times(epsilon, smallestSize)])
    const size = where(atCheckpoint, where(isSparser, epsilon, reduced), before.size)
    const width = where(atCheckpoint, times(changed, 1 / reduction), before.width)
    const returning = emitPlaces(builder, restarts)
    const from = emitReplaced(builder, point, highest, returning)

    const gradient = emitReplaced(builder, uphill, highestGradient, returning)
    const feasible = emitFeasible(builder, gradient, emitFreeDirections(builder, from, lower, upper))
    const slopes = builder.add('Abs', [feasible])
    const flat = builder.add('Reshape', [slopes, builder.ints([0, features])])
    const rank = builder.add('Clip', [
      builder.add('Sub', [builder.add('Floor', [width]), builder.scalar(1)]),
      builder.scalar(0),
      builder.scalar(features - 1),
    ])
    const place = builder.add('Reshape', [
      builder.add('Cast', [rank], { to: elementTypeNumbers.int64 }),
      builder.ints([0, 1]),
    ])
    const threshold = builder.add('Reshape', [emitRanked(builder, flat, place), ones])
    const isSteep = builder.add('GreaterOrEqual', [slopes, threshold])
    const signs = where(isSteep, emitSign(builder, feasible), builder.scalar(0))
    const count = builder.add('Reshape', [emitNorm(builder, 'l0', signs, featureShape), ones])
    const amount = builder.add('Div', [size, builder.add('Max', [count, builder.scalar(1)])])
    const moved = builder.add('Add', [from, builder.add('Mul', [signs, amount])])
    return {
      point: emitProjection(builder, 'l1', moved, ball),
      carried: { size, width, changedBefore: where(atCheckpoint, changed, before.changedBefore) },
    }
  },
}
