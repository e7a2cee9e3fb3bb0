import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import type { Interval, RowContext } from '../operators/operator.js'
import type { Rounding } from '../operators/rounding.js'
import { emitSplit, leastReach, leastSquare } from './ball-in-box.js'
import {
  emitBoxMinimiser,
  emitBoxMinimum,
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

/** Lower bound of Σ coefficients·x per row, where x is `value` and in the ball and its box; and a point that comes close to it. */
export function emitBallMinimum(coefficients: string, ball: Ball, value: string, context: RowContext): Minimum {
  return ball.norm === 'l2'
    ? emitEuclidean(coefficients, ball, value, context)
    : emitManhattan(coefficients, ball, value, context)
}

/**
 * Over the ℓ2 ball −ε‖a‖₂; with the box, over the small box of {@link emitSplit} and the steps that it leaves to the ball,
 * whose coefficients that count are those that are free to go downhill.
 */
function emitEuclidean(coefficients: string, ball: Ball, value: string, context: RowContext): Minimum {
  const { builder, rounding, combine } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  const scalar = (value: number) => builder.scalar(value)
  const product = (left: string, right: string) => builder.add('Mul', [left, right])
  const gamma = rounding.gamma(sumOfSquaresRoundings(count) + context.sumRoundings([1]) + 24)
  const reach = builder.add('Max', [ball.radius, scalar(leastReach)])
  const split = ball.clipped
    ? emitSplit({ ...ball, radius: reach }, featureShape(context.samples.shape(value))!, count, builder)
    : undefined
  const limit = (isFree: string, end: number) => builder.add('Where', [isFree, scalar(end), scalar(0)])
  const most = split && limit(split.isFree.down, Number.POSITIVE_INFINITY)
  const least = split && limit(split.isFree.up, Number.NEGATIVE_INFINITY)
  const atMost = most ? combine('Min', value, [coefficients], [most]) : coefficients
  const free = least ? combine('Max', value, [atMost], [least]) : atMost
  // A vector: onnxruntime is slow on columns and a single number.
  const squares = builder.add('Reshape', [emitSumOfSquares(free, count, context), builder.ints([-1])])
  const norm = builder.add('Sqrt', [builder.add('Add', [squares, scalar(leastSquare)])])
  const length = product(norm, scalar(1 + 2 * gamma))
  const radius = context.numbers(reach)
  const step = allowUnderflow(product(product(radius, length), scalar(-1 - 2 * gamma)), context)
  const start = split
    ? emitBoxMinimum(coefficients, split.box, value, context)
    : emitMinimumAround(coefficients, ball.centre, undefined, value, context)
  const along = builder.add('Reshape', [
    builder.add('Neg', [builder.add('Div', [radius, length])]),
    builder.ints([-1, 1]),
  ])
  const moved = product(builder.add('Reshape', [free, builder.ints([-1, count])]), along)
  const steps = builder.add('Reshape', [moved, builder.ints([-1, ...shape])])
  return {
    bound: builder.add('Add', [start, step]),
    point: split
      ? builder.add('Add', [emitBoxMinimiser(coefficients, split.box, value, context), steps])
      : combine('Add', value, [steps], [ball.centre]),
  }
}

/**
 * Over the ℓ1 ball −ε·max|a|; with the box, for any λ ≥ 0, −Σ (|a| − λ)⁺·room − λε, where room is how far the box lets
 * each coordinate move. The best λ is one of the largest |a|, so that only these are looked at.
 */
function emitManhattan(coefficients: string, ball: Ball, value: string, context: RowContext): Minimum {
  const { builder, rounding } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  const flat = (perRow: string) => builder.add('Reshape', [perRow, builder.ints([-1, count])])
  const a = flat(coefficients)
  const scalar = (value: number) => builder.scalar(value)
  const atCentre = emitMinimumAround(coefficients, ball.centre, undefined, value, context)
  const found = (change: string, nearest: string): Minimum => ({
    bound: builder.add('Add', [atCentre, change]),
    point: context.combine('Add', value, [nearest], [ball.centre]),
  })
  const upwards = scalar(1 + 2 * rounding.gamma(context.sumRoundings(shape) + 24))
  const radius = builder.add('Unsqueeze', [context.numbers(ball.radius), builder.ints([1])])
  const size = builder.add('Abs', [a])
  const downhill = builder.add('Neg', [builder.add('Sign', [a])])
  if (!ball.clipped) {
    const largest = builder.add('ReduceMax', [size, builder.ints([1])], { keepdims: 1 })
    const bound = builder.add('Neg', [builder.add('Mul', [builder.add('Mul', [radius, largest]), upwards])])
    const isLargest = asNumber(builder.add('Equal', [size, largest]), builder)
    const nearest = builder.add('Mul', [builder.add('Mul', [isLargest, radius]), downhill])
    return found(builder.add('Squeeze', [bound, builder.ints([1])]), nearest)
  }
  const changes = changesWithinBox(ball, rounding, builder)
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
  const overBoth = allowUnderflow(builder.add('Neg', [builder.add('Mul', [least, upwards])]), context)
  const overBox = emitSmallBoxMinimum(coefficients, changes, value, context)
  const nearest = builder.add('Mul', [builder.add('Add', [steeper, part('Equal', rest)]), downhill])
  return found(builder.add('Max', [overBox, overBoth]), nearest)
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
