import type { Interval, IntervalContext, RuleContext } from './operator.js'
import type { ApproximatedKernel } from './rounding.js'

/** A point of the graph of a function: names in the built graph. */
export interface Point {
  readonly x: string
  readonly y: string
}

/** The middle of a range, which rounding does not move out of it. */
export function emitMiddle(range: Interval, { builder }: RuleContext): string {
  const half = builder.scalar(0.5)
  const middle = builder.add('Add', [builder.add('Mul', [range.lower, half]), builder.add('Mul', [range.upper, half])])
  return emitNearest(middle, range, { builder })
}

/** The point of a range that is nearest to `point`. */
export function emitNearest(
  point: string,
  { lower, upper }: Interval,
  { builder }: Pick<RuleContext, 'builder'>,
): string {
  return builder.add('Min', [builder.add('Max', [point, lower]), upper])
}

/** Largest magnitude in a range. */
export function emitLargest({ lower, upper }: Interval, { builder }: RuleContext): string {
  return builder.add('Max', [builder.add('Neg', [lower]), upper])
}

/** The middle of a range and how far its ends are from there, rounded up. */
export function emitCentreAndReach(range: Interval, context: IntervalContext): { centre: string; reach: string } {
  const { builder, rounding } = context
  const centre = emitMiddle(range, context)
  const [above, below] = [builder.add('Sub', [range.upper, centre]), builder.add('Sub', [centre, range.lower])]
  const upwards = builder.scalar(1 + 2 * rounding.gamma(1))
  return { centre, reach: builder.add('Mul', [builder.add('Max', [above, below]), upwards]) }
}

/** The slope between two points, 0 where they are the same. */
export function emitSecant(left: Point, right: Point, { builder }: RuleContext): string {
  const run = builder.add('Sub', [right.x, left.x])
  const isPoint = builder.add('Equal', [run, builder.scalar(0)])
  const rise = builder.add('Sub', [right.y, left.y])
  const slope = builder.add('Div', [rise, builder.add('Where', [isPoint, builder.scalar(1), run])])
  return builder.add('Where', [isPoint, builder.scalar(0), slope])
}

/** y − slope·x, for each point. */
export function emitExcesses(slope: string, points: readonly Point[], { builder }: RuleContext): string[] {
  return points.map(({ x, y }) => builder.add('Sub', [y, builder.add('Mul', [slope, x])]))
}

/** Errors of a kernel, in the model and in `evaluations` of it here, where results are at most `size`. */
export function emitKernelErrors(
  kernel: ApproximatedKernel,
  size: string,
  evaluations: number,
  { builder, rounding }: IntervalContext,
): string {
  const relative = builder.scalar((evaluations + 1) * rounding.relativeKernelError(kernel))
  const absolute = builder.scalar((evaluations + 1) * rounding.kernelError(kernel) + rounding.underflow)
  return builder.add('Add', [builder.add('Mul', [size, relative]), absolute])
}

/** Bounds of what a kernel gives in the model, from what it gives here at the ends. */
export function emitKernelRange(
  kernel: ApproximatedKernel,
  { lower, upper }: Interval,
  context: IntervalContext,
): Interval {
  if (context.rounding.mode === 'ignored') return { lower, upper }
  const { builder } = context
  const error = (bound: string) => emitKernelErrors(kernel, builder.add('Abs', [bound]), 2, context)
  return { lower: builder.add('Sub', [lower, error(lower)]), upper: builder.add('Add', [upper, error(upper)]) }
}

/** An intercept moved outwards by `error` and by the roundings of slope·x, of σ(x), which is at most `size`, and of sums. */
export function emitOutwards(
  { slope, intercept }: { readonly slope: string; readonly intercept: string },
  range: Interval,
  size: string,
  error: string,
  direction: 1 | -1,
  context: IntervalContext,
): string {
  const { builder, rounding } = context
  if (rounding.mode === 'ignored') return intercept
  const product = builder.add('Mul', [builder.add('Abs', [slope]), emitLargest(range, context)])
  const rounded = builder.add('Mul', [builder.add('Add', [product, size]), builder.scalar(rounding.gamma(16))])
  return builder.add(direction === 1 ? 'Add' : 'Sub', [intercept, builder.add('Add', [rounded, error])])
}
