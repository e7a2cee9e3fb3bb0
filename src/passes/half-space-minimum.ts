import { elementCount, featureShape } from '../graph/graph.js'
import type { Interval, RowContext } from '../operators/operator.js'
import { emitSumAsColumn, type Minimum } from './row-sums.js'

/** The inputs x with coefficients·x + constant ≤ 0, one per row: names in the built graph. */
export interface HalfSpace {
  readonly coefficients: string
  readonly constant: string
}

/** What is minimised over, besides the half-space. */
export interface Surrounding {
  /** Minima of linear functions over it, one per row. */
  minimize(coefficients: string): Minimum
  /** A box around it. */
  readonly box: Interval
  /** Whether it is that box. */
  readonly isBox: boolean
}

/** How much the multiplier changes from step to step; any multiplier gives a valid bound. */
const factors = [3.2, 1.8, 1.4, 1.2]

/**
 * Lower bound of Σ c·x per row over the part of a set that is in a half-space a·x + b ≤ 0: for any λ ≥ 0 the minimum of
 * (c + λa)·x over the set, plus λb. x is `value`.
 */
export function emitHalfSpaceMinimum(
  coefficients: string,
  halfSpace: HalfSpace,
  { minimize, box, isBox }: Surrounding,
  value: string,
  context: RowContext,
): Minimum {
  const { builder, rounding } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  const add = (operator: string, ...operands: string[]) => builder.add(operator, operands)
  const reshaped = (numbers: string, ...sizes: number[]) => add('Reshape', numbers, builder.ints([-1, ...sizes]))
  const flatRows = (sliced: string) => reshaped(context.rows(sliced, value), count)
  const sum = (products: string) => emitSumAsColumn(products, count, builder)
  const [c, a] = [coefficients, halfSpace.coefficients].map((perRow) => reshaped(perRow, count))
  const b = reshaped(halfSpace.constant, 1)

  const width = flatRows(add('Sub', box.upper, box.lower))
  const reach = (slopes: string) => sum(add('Mul', add('Abs', slopes), width))
  const combined = (multiplier: string) => add('Add', c, add('Mul', a, multiplier))
  const ends = isBox ? [box.lower, box.upper].map((end) => add('Mul', a, flatRows(end))) : []
  // What the half-space's function adds up where the combined one is smallest.
  const summands = (sums: string) =>
    isBox
      ? add('Where', add('Greater', sums, builder.scalar(0)), ...ends)
      : add('Mul', a, reshaped(minimize(reshaped(sums, ...shape)).point, count))

  const limit = add('Neg', b)
  let multiplier = add('Div', reach(c), add('Max', reach(a), builder.scalar(1e-20)))
  for (const factor of factors) {
    const isOutside = add('Greater', sum(summands(combined(multiplier))), limit)
    multiplier = add('Mul', multiplier, add('Where', isOutside, builder.scalar(factor), builder.scalar(1 / factor)))
  }
  const scaled = add('Mul', a, multiplier)
  const sums = add('Add', c, scaled)
  const { bound: least, point } = minimize(reshaped(sums, ...shape))
  const shift = reshaped(add('Mul', multiplier, b))
  let bound = add('Add', least, shift)
  if (rounding.mode === 'covered') {
    // The combined coefficients round twice, and so does what is added up here.
    const magnitude = flatRows(add('Max', add('Neg', box.lower), box.upper))
    const sizes = reshaped(sum(add('Mul', add('Add', add('Abs', sums), add('Abs', scaled)), magnitude)))
    const own = add('Add', add('Abs', least), add('Abs', shift))
    const gamma = builder.scalar(rounding.gamma(context.sumRoundings(shape) + 16))
    const error = add('Mul', add('Add', sizes, own), gamma)
    bound = add('Sub', bound, add('Add', error, builder.scalar(rounding.underflow)))
  }
  return { bound: add('Max', bound, minimize(coefficients).bound), point }
}
