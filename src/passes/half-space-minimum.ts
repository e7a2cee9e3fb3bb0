import { featureShape } from '../graph/graph.js'
import type { Interval, RowContext } from '../operators/operator.js'
import type { Minimum } from './row-sums.js'

/** The inputs x with coefficients·x + constant ≤ 0, one per row: names in the built graph. */
export interface HalfSpace {
  readonly coefficients: string
  readonly constant: string
}

/** How much the multiplier changes from step to step; any multiplier gives a valid bound. */
const factors = [4, 2, 1.5, 1.25, 1.12]

/**
 * Lower bound of Σ c·x per row over the part of a set that is in a half-space a·x + b ≤ 0: for any λ ≥ 0 the minimum of
 * (c + λa)·x over the set, plus λb. `minimize` gives minima over the set, `box` encloses it; x is `value`.
 */
export function emitHalfSpaceMinimum(
  coefficients: string,
  halfSpace: HalfSpace,
  minimize: (coefficients: string) => Minimum,
  box: Interval,
  value: string,
  context: RowContext,
): Minimum {
  const { builder, rounding, sum } = context
  const shape = featureShape(context.shape(value))!
  const rows = (sliced: string) => context.rows(sliced, value)
  const { coefficients: a, constant: b } = halfSpace
  const column = (numbers: string) => builder.add('Reshape', [numbers, builder.ints([-1, ...shape.map(() => 1)])])
  const width = rows(builder.add('Sub', [box.upper, box.lower]))
  const reach = (slopes: string) => sum(builder.add('Mul', [builder.add('Abs', [slopes]), width]), shape)
  const combined = (multiplier: string) =>
    builder.add('Add', [coefficients, builder.add('Mul', [a, column(multiplier)])])

  const steepness = builder.add('Max', [reach(a), builder.scalar(1e-20)])
  let multiplier = builder.add('Div', [reach(coefficients), steepness])
  for (const factor of factors) {
    const { point } = minimize(combined(multiplier))
    const excess = builder.add('Add', [sum(builder.add('Mul', [a, point]), shape), b])
    const isOutside = builder.add('Greater', [excess, builder.scalar(0)])
    const change = builder.add('Where', [isOutside, builder.scalar(factor), builder.scalar(1 / factor)])
    multiplier = builder.add('Mul', [multiplier, change])
  }
  const sums = combined(multiplier)
  const { bound: least, point } = minimize(sums)
  const shift = builder.add('Mul', [multiplier, b])
  let bound = builder.add('Add', [least, shift])
  if (rounding.mode === 'covered') {
    // The combined coefficients round twice, and so does what is added up here.
    const magnitude = rows(builder.add('Max', [builder.add('Neg', [box.lower]), box.upper]))
    const parts = [builder.add('Abs', [sums]), builder.add('Mul', [builder.add('Abs', [a]), column(multiplier)])]
    const sizes = sum(builder.add('Mul', [builder.add('Add', parts), magnitude]), shape)
    const own = builder.add('Add', [builder.add('Abs', [least]), builder.add('Abs', [shift])])
    const error = builder.add('Mul', [
      builder.add('Add', [sizes, own]),
      builder.scalar(rounding.gamma(context.sumRoundings(shape) + 16)),
    ])
    bound = builder.add('Sub', [bound, builder.add('Add', [error, builder.scalar(rounding.underflow)])])
  }
  return { bound: builder.add('Max', [bound, minimize(coefficients).bound]), point }
}
