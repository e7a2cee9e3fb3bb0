import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { wideScalar } from './wide.js'

/**
 * What each of several numbers z, none negative, can add to the sum of its row: the most of 0 and of weight·z − offset, for
 * all pieces. None of these is negative either; float64 values [rows, numbers, pieces] of the graph being built.
 */
export interface Pieces {
  readonly weight: string
  readonly offset: string
  /** A piece counts where z is no larger. */
  readonly reach: string
}

/** Below any multiplier that matters: nothing is divided by zero. */
const least = 1e-200

/** More than the roundings of the products and differences of a piece. */
const slack = 2 ** -40

/**
 * Upper bounds of the largest sum of each row over all z whose `norm` is at most `budget` [rows], by Lagrangian duality.
 * For ℓ2 that is min_μ μ·budget² + Σ max_z (weight·z − offset − μz²), for ℓ1 min_μ μ·budget + Σ max_z (weight·z − offset −
 * μz), each for z within reach: every μ ≥ 0 gives a bound. For ℓ∞ each z is as large as it can be.
 */
export function emitLargestSum(pieces: Pieces, budget: string, norm: Norm, builder: GraphBuilder): string {
  const none = wideScalar(0, builder)
  const at = (multiplier: string) => emitDual(pieces, multiplier, budget, norm, builder)
  const elementwise = at(none).bound
  if (norm === 'linf') return elementwise
  if (norm === 'l1') {
    const steepest = builder.add('ReduceMax', [pieces.weight, builder.ints([1, 2])], { keepdims: 1 })
    const between = builder.add('Mul', [steepest, wideScalar(0.5, builder)])
    return builder.add('Min', [elementwise, at(steepest).bound, at(between).bound])
  }
  const bounds = [elementwise]
  let multiplier = emitFirstMultiplier(pieces.weight, budget, 0.7, builder)
  for (let round = 0; round < 4; round++) {
    const { bound, next } = at(multiplier)
    bounds.push(bound)
    multiplier = next
  }
  return builder.add('Min', bounds)
}

/** ℓ2: `share` of the best μ of a row for pieces without offsets and limits, [rows, 1, 1]. */
export function emitFirstMultiplier(weight: string, budget: string, share: number, builder: GraphBuilder): string {
  const steepest = builder.add('ReduceMax', [weight, builder.ints([2])], { keepdims: 1 })
  const squares = builder.add('Mul', [steepest, steepest])
  const size = builder.add('Sqrt', [builder.add('ReduceSum', [squares, builder.ints([1])], { keepdims: 1 })])
  const twice = builder.add('Mul', [emitColumn(budget, builder), wideScalar(2 / share, builder)])
  return emitPositive(builder.add('Div', [size, emitPositive(twice, builder)]), builder)
}

function emitColumn(budget: string, builder: GraphBuilder): string {
  return builder.add('Reshape', [budget, builder.ints([-1, 1, 1])])
}

function emitPositive(value: string, builder: GraphBuilder): string {
  return builder.add('Max', [value, wideScalar(least, builder)])
}

/** The bound [rows] that a multiplier [rows, 1, 1] gives, and, in ℓ2, one that is closer to the best. */
export function emitDual(pieces: Pieces, multiplier: string, budget: string, norm: Norm, builder: GraphBuilder) {
  const { weight, offset } = pieces
  const limit = emitColumn(budget, builder)
  const reach = builder.add('Min', [pieces.reach, limit])
  const times = (...factors: string[]) => factors.reduce((product, factor) => builder.add('Mul', [product, factor]))
  const isSquare = norm === 'l2'
  // The largest value of a parabola, or an end of what is straight; a z that is off changes it by the square of that.
  const top = builder.add('Div', [weight, emitPositive(times(multiplier, wideScalar(2, builder)), builder)])
  const z = isSquare ? builder.add('Min', [reach, top]) : reach
  const price = isSquare ? times(multiplier, z, z) : times(multiplier, z)
  const gain = times(weight, z, wideScalar(1 + slack, builder))
  const cost = times(builder.add('Add', [offset, price]), wideScalar(1 - slack, builder))
  const value = builder.add('Max', [builder.add('Sub', [gain, cost]), wideScalar(0, builder)])
  const largest = builder.add('ReduceMax', [value, builder.ints([2])], { keepdims: 1 })
  const sum = builder.add('ReduceSum', [largest, builder.ints([1])], { keepdims: 1 })
  const total = builder.add('Add', [sum, times(multiplier, ...(isSquare ? [limit, limit] : [limit]))])
  const bound = builder.add('Reshape', [total, builder.ints([-1])])
  // With the best multiplier the z that are taken are as large as all can be: the slope of the bound is 0.
  const positive = builder.add('Greater', [value, wideScalar(0, builder)])
  const taken = builder.add('Where', [positive, z, wideScalar(0, builder)])
  const each = builder.add('ReduceMax', [taken, builder.ints([2])], { keepdims: 1 })
  const used = builder.add('Sqrt', [builder.add('ReduceSum', [times(each, each), builder.ints([1])], { keepdims: 1 })])
  const factor = builder.add('Max', [
    builder.add('Div', [used, emitPositive(limit, builder)]),
    wideScalar(2 ** -6, builder),
  ])
  return { bound, next: times(multiplier, factor) }
}
