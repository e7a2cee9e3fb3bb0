import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape } from '../graph/graph.js'
import { sumOfPositives } from '../operators/batch-invariant.js'
import { asNumber } from '../operators/element-type.js'
import type { Interval, RowContext } from '../operators/operator.js'
import type { Rounding } from '../operators/rounding.js'
import {
  emitMinimumAround,
  emitSmallBoxMinimum,
  emitSumOfSquares,
  type Minimum,
  sumOfSquaresRoundings,
} from './row-sums.js'

/** The inputs that a bound ranges over: names in the built graph, one slice per sample. */
export interface Ball {
  readonly norm: 'l2' | 'l1'
  readonly centre: string
  /** One number per sample. */
  readonly radius: string
  /** Box around the ball. With `clipped` it is smaller than the ball's own box: the domain cuts something off. */
  readonly box: Interval
  readonly clipped: boolean
}

const largestCoefficients = 16
const leastReach = 1e-12
const leastSquare = 2 ** -100
// In smaller parts of a ball the box is what matters.
const leastShare = 1 / 8

/** A lower bound of what changes of the centre do, and changes that come close to it. */
interface Changes {
  readonly bound: string
  readonly nearest: string
}

/** Lower bound of Σ coefficients·x per row, where x is `value` and in the ball and its box; and a point that comes close to it. */
export function emitBallMinimum(coefficients: string, ball: Ball, value: string, context: RowContext): Minimum {
  const { builder } = context
  const changes = changesWithinBox(ball, context.rounding, builder)
  const atCentre = emitMinimumAround(coefficients, ball.centre, undefined, value, context)
  const overBox = emitSmallBoxMinimum(coefficients, changes, value, context)
  const { bound, nearest } =
    ball.norm === 'l2'
      ? emitEuclidean(coefficients, ball, changes, value, context)
      : emitManhattan(coefficients, ball, changes, value, context)
  return {
    bound: builder.add('Add', [atCentre, builder.add('Max', [overBox, bound])]),
    point: context.combine('Add', value, [nearest], [ball.centre]),
  }
}

/**
 * Over the ℓ2 ball −ε‖a‖₂; over its intersection with the box, for any λ ≥ 0, the Lagrangian bound
 * Σ min_d (a·d + λd²) − λε² with d in the box around the centre. With f = −a/(2λ), where a·d + λd² is smallest, and its
 * distance from the box, that is λ·(Σ distance² − Σ f² − ε²).
 */
function emitEuclidean(
  coefficients: string,
  ball: Ball,
  changes: Interval,
  value: string,
  context: RowContext,
): Changes {
  const { builder, rounding, bySlice } = context
  const count = elementCount(featureShape(context.shape(value))!)
  const scalar = (value: number) => builder.scalar(value)
  const product = (left: string, right: string) => builder.add('Mul', [left, right])
  const gamma = rounding.gamma(sumOfSquaresRoundings(count) + context.sumRoundings([1]) + 24)
  const a = bySlice(coefficients, [count])
  const squares = (perRow: string) => emitSumOfSquares(perRow, count, context)
  const vector = (numbers: string) => allowUnderflow(builder.add('Reshape', [numbers, builder.ints([-1])]), context)

  // Large enough that no square of it underflows.
  const reach = builder.add('Max', [ball.radius, scalar(leastReach)])
  const radius = bySlice(context.numbers(reach), [1])
  const norm = builder.add('Sqrt', [builder.add('Add', [squares(a), scalar(leastSquare)])])
  const length = product(norm, scalar(1 + 2 * gamma))
  const overBall = product(product(radius, length), scalar(-1 - 2 * gamma))
  if (!ball.clipped) {
    const share = builder.add('Neg', [builder.add('Div', [radius, length])])
    return { bound: vector(overBall), nearest: product(a, share) }
  }
  const [lowest, highest] = [changes.lower, changes.upper].map((change) => context.ofSlices(change, value, [1, count]))
  const share = emitReachableShare(changes, reach, value, context)
  const lengthOfFree = builder.add('Div', [radius, share])
  const step = builder.add('Div', [builder.add('Neg', [lengthOfFree]), length])
  const free = product(a, step)
  const change = builder.add('Min', [builder.add('Max', [free, lowest]), highest])
  const distances = squares(builder.add('Sub', [change, free]))
  const both = builder.add('Add', [product(lengthOfFree, lengthOfFree), product(radius, radius)])
  const rest = builder.add('Sub', [product(both, scalar(1 + 8 * gamma)), distances])
  const overBoth = product(builder.add('Div', [scalar(0.5 + 4 * gamma), step]), rest)
  return { bound: vector(builder.add('Max', [overBall, overBoth])), nearest: change }
}

/**
 * Of coefficients that are all alike, but of either sign: how far the minimiser over ball and box is from the centre, as a part of
 * the radius, where the box only cuts off single coordinates of the minimiser over the ball. [slices, 1, 1].
 */
function emitReachableShare({ lower, upper }: Interval, reach: string, value: string, context: RowContext): string {
  const { builder } = context
  const shape = featureShape(context.samples.shape(value))!
  const count = elementCount(featureShape(context.shape(value))!)
  const scalar = (value: number) => builder.scalar(value)
  const perRadius = builder.add('Div', [scalar(Math.sqrt(count)), reach])
  const unit = builder.add('Reshape', [perRadius, builder.ints([-1, ...shape.map(() => 1)])])
  const part = (room: string) => {
    const moved = builder.add('Min', [builder.add('Mul', [room, unit]), scalar(1)])
    return builder.add('Mul', [moved, moved])
  }
  const both = builder.add('Add', [part(upper), part(builder.add('Neg', [lower]))])
  const parts = context.ofSlices(builder.add('Mul', [both, scalar(0.5 / count)]), value, [1, count])
  const share = builder.add('Sqrt', [builder.add(sumOfPositives, [parts, builder.ints([2])])])
  return builder.add('Max', [share, scalar(leastShare)])
}

/**
 * Over the ℓ1 ball −ε·max|a|; with the box, for any λ ≥ 0, −Σ (|a| − λ)⁺·room − λε, where room is how far the box lets
 * each coordinate move. The best λ is one of the largest |a|, so that only these are looked at.
 */
function emitManhattan(
  coefficients: string,
  ball: Ball,
  changes: Interval,
  value: string,
  context: RowContext,
): Changes {
  const { builder, rounding } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  const flat = (perRow: string) => builder.add('Reshape', [perRow, builder.ints([-1, count])])
  const a = flat(coefficients)
  const scalar = (value: number) => builder.scalar(value)
  const upwards = scalar(1 + 2 * rounding.gamma(context.sumRoundings(shape) + 24))
  const radius = builder.add('Unsqueeze', [context.numbers(ball.radius), builder.ints([1])])
  const size = builder.add('Abs', [a])
  const downhill = builder.add('Neg', [builder.add('Sign', [a])])
  if (!ball.clipped) {
    const largest = builder.add('ReduceMax', [size, builder.ints([1])], { keepdims: 1 })
    const bound = builder.add('Neg', [builder.add('Mul', [builder.add('Mul', [radius, largest]), upwards])])
    const isLargest = asNumber(builder.add('Equal', [size, largest]), builder)
    return {
      bound: builder.add('Squeeze', [bound, builder.ints([1])]),
      nearest: builder.add('Mul', [builder.add('Mul', [isLargest, radius]), downhill]),
    }
  }
  const [lower, upper] = [changes.lower, changes.upper].map((change) => flat(context.rows(change, value)))
  const isPositive = builder.add('Greater', [a, scalar(0)])
  const room = builder.add('Where', [isPositive, builder.add('Neg', [lower]), upper])
  const movable = builder.add('Where', [builder.add('Greater', [room, scalar(0)]), size, scalar(0)])
  const kept = Math.min(largestCoefficients, count)
  const [largest, positions] = builder.addMany('TopK', [movable, builder.ints([kept])], 2, { axis: 1 })
  const theirRoom = builder.add('GatherElements', [room, positions], { axis: 1 })
  const multipliers = builder.add('Unsqueeze', [largest, builder.ints([2])])
  const excess = builder.add('Max', [
    builder.add('Sub', [builder.add('Unsqueeze', [largest, builder.ints([1])]), multipliers]),
    scalar(0),
  ])
  const moved = builder.add(
    'ReduceSum',
    [builder.add('Mul', [excess, builder.add('Unsqueeze', [theirRoom, builder.ints([1])])]), builder.ints([2])],
    { keepdims: 0 },
  )
  const total = builder.add('Add', [moved, builder.add('Mul', [largest, radius])])
  const least = builder.add('ReduceMin', [total, builder.ints([1])], { keepdims: 0 })
  const best = builder.add('ArgMin', [total], { axis: 1 })
  const multiplier = builder.add('GatherElements', [largest, best], { axis: 1 })
  // All that is steeper than the multiplier moves as far as it can; what is as steep takes the rest.
  const part = (operator: string, most: string) =>
    builder.add('Where', [builder.add(operator, [movable, multiplier]), builder.add('Min', [room, most]), scalar(0)])
  const steeper = part('Greater', radius)
  const used = builder.add('ReduceSum', [steeper, builder.ints([1])])
  const rest = builder.add('Max', [builder.add('Sub', [radius, used]), scalar(0)])
  return {
    bound: allowUnderflow(builder.add('Neg', [builder.add('Mul', [least, upwards])]), context),
    nearest: builder.add('Mul', [builder.add('Add', [steeper, part('Equal', rest)]), downhill]),
  }
}

/** Box minus centre, rounded outwards. */
function changesWithinBox({ box, centre }: Ball, rounding: Rounding, builder: GraphBuilder): Interval {
  const outwards = builder.scalar(1 + 2 * rounding.gamma(2))
  const change = (end: string) => builder.add('Mul', [builder.add('Sub', [end, centre]), outwards])
  return { lower: change(box.lower), upper: change(box.upper) }
}

function allowUnderflow(bound: string, { builder, rounding }: RowContext): string {
  return rounding.underflow > 0 ? builder.add('Sub', [bound, builder.scalar(rounding.underflow)]) : bound
}
