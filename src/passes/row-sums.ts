import { elementCount, featureShape } from '../graph/graph.js'
import { emitRowSum } from '../operators/batch-invariant.js'
import { emitBySign, emitParts } from '../operators/lines.js'
import type { Interval, IntervalContext, RowContext, RuleContext } from '../operators/operator.js'

/** A lower bound of each row's linear function over a set, and a point (one row each) where it is about as small. */
export interface Minimum {
  readonly bound: string
  readonly point: string
}

/** Sums each row in two steps, which rounds every number far fewer times than one long sum may. */
export function emitSum(
  value: string,
  shape: readonly number[],
  { builder }: Pick<IntervalContext, 'builder'>,
): string {
  const count = elementCount(shape)
  const width = blockWidth(count)
  const rowsOf = (values: string, length: number) => builder.add('Reshape', [values, builder.ints([-1, length])])
  const vector = (column: string) => builder.add('Reshape', [column, builder.ints([-1])])
  if (width === 1 || width === count) return vector(emitRowSum(rowsOf(value, count), count, builder))
  const partial = emitRowSum(rowsOf(value, width), width, builder)
  return vector(emitRowSum(rowsOf(partial, count / width), count / width, builder))
}

/** Longer sums go in two steps. */
const longestSum = 128

/** Sums coefficients of rows times numbers of their samples; see {@link RowContext}. */
export function emitSumBySign(
  coefficients: string,
  below: string | undefined,
  above: string | undefined,
  value: string,
  context: Pick<RowContext, 'rows' | 'isGrouped'> & RuleContext,
): string {
  const { builder, rows } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  if (!context.isGrouped || count > longestSum) {
    const [least, most] = [below, above].map((sliced) => (sliced ? rows(sliced, value) : builder.scalar(0)))
    return emitSum(emitBySign(coefficients, least, most, context), shape, context)
  }
  // The matrix of rows times a column for their sample.
  const { positive, negative } = emitParts(coefficients, builder)
  const product = (part: string, factors: string) => {
    const flat = shape.length === 1 ? part : builder.add('Reshape', [part, builder.ints([-1, count])])
    return builder.add('MatMul', [flat, rows(factors, value, [count, 1])])
  }
  const products = [...(below ? [product(positive, below)] : []), ...(above ? [product(negative, above)] : [])]
  return builder.add('Reshape', [products.reduce((sum, part) => builder.add('Add', [sum, part])), builder.ints([-1])])
}

/** Most roundings that {@link emitSum} and {@link emitSumBySign} do to any summand. */
export function rowSumRoundings(shape: readonly number[], isGrouped: boolean): number {
  const count = elementCount(shape)
  return isGrouped && count <= longestSum ? count + 1 : sumRoundings(shape)
}

/** Most roundings that {@link emitSum} does to any summand. */
export function sumRoundings(shape: readonly number[]): number {
  const count = elementCount(shape)
  const width = blockWidth(count)
  return width === 1 || width === count ? count : width + count / width
}

/** The divisor of `count` that is nearest to its square root from above. */
function blockWidth(count: number): number {
  let width = Math.ceil(Math.sqrt(count))
  while (count % width !== 0) width++
  return width
}

/** Lower bound of Σ coefficients·x per row, where x is `value` and in a box. */
export function emitBoxMinimum(coefficients: string, box: Interval, value: string, context: RowContext): string {
  const { lower, upper } = context.rounding.mode === 'covered' ? widenForSum(box, value, context) : box
  return context.sumBySign(coefficients, lower, upper, value)
}

/** Where Σ coefficients·x is smallest over x in a box, one row each. */
export function emitBoxMinimiser(coefficients: string, box: Interval, value: string, context: RowContext): string {
  const { builder, rows } = context
  const isPositive = builder.add('Greater', [coefficients, builder.scalar(0)])
  return builder.add('Where', [isPositive, rows(box.lower, value), rows(box.upper, value)])
}

/** Moves both ends outwards by the rounding error of a sum of products with them. */
function widenForSum({ lower, upper }: Interval, value: string, context: RowContext): Interval {
  const { builder, rounding } = context
  const shape = featureShape(context.shape(value))!
  const allowance = builder.scalar(rounding.gamma(context.sumRoundings(shape) + 4))
  const error = (end: string) => builder.add('Mul', [builder.add('Abs', [end]), allowance])
  return {
    lower: builder.add('Sub', [lower, error(lower)]),
    upper: builder.add('Add', [upper, error(upper)]),
  }
}
