import type { Interval, IntervalContext, Line, Lines } from './operator.js'
import {
  emitExcesses,
  emitKernelErrors,
  emitKernelRange,
  emitLargest,
  emitMiddle,
  emitNearest,
  emitOutwards,
  emitSecant,
  type Point,
} from './ranges.js'

/** Bounds of x^p for odd p, which never falls. */
export function oddPowerInterval({ lower, upper }: Interval, exponent: number, context: IntervalContext): Interval {
  const ends = { lower: emitPoint(lower, exponent, context).y, upper: emitPoint(upper, exponent, context).y }
  return emitKernelRange('Pow', ends, context)
}

/**
 * Lines around x^p for odd p of at least 3, which is concave below 0 and convex above. Below, the tangent of the convex part that
 * touches nearest to the middle of the range, of those that are not above the function at the lower end; the chord where
 * there is none. Above, the same for −(−x)^p.
 */
export function oddPowerLines(range: Interval, exponent: number, context: IntervalContext): Lines {
  const { builder } = context
  const negated = (value: string) => builder.add('Neg', [value])
  const mirrored = lineBelow({ lower: negated(range.upper), upper: negated(range.lower) }, exponent, context)
  return {
    lower: lineBelow(range, exponent, context),
    upper: { slope: mirrored.slope, intercept: negated(mirrored.intercept!) },
  }
}

function lineBelow(range: Interval, exponent: number, context: IntervalContext): Line {
  const { builder } = context
  const point = (x: string) => emitPoint(x, exponent, context)
  const [left, right] = [point(range.lower), point(range.upper)]
  const least = builder.add('Mul', [range.lower, builder.scalar(-touchFrom(exponent))])
  const touch = builder.add('Max', [emitMiddle(range, context), least])
  // Of a narrow range the chord's slope is lost in rounding; those of tangents are not.
  const slopes = {
    lower: emitSlope(emitNearest(builder.scalar(0), range, context), exponent, context),
    upper: emitSlope(emitLargest(range, context), exponent, context),
  }
  const chord = emitNearest(emitSecant(left, right, context), slopes, context)
  const isTangent = builder.add('Less', [touch, range.upper])
  const slope = builder.add('Where', [isTangent, emitSlope(touch, exponent, context), chord])

  // x^p − slope·x is least at an end, or where the derivative is the slope: there it is so flat that the place need not be exact.
  const share = builder.add('Mul', [slope, builder.scalar(1 / exponent)])
  const bottom = emitNearest(builder.add('Pow', [share, builder.scalar(1 / (exponent - 1))]), range, context)
  const intercept = builder.add('Min', emitExcesses(slope, [left, right, point(bottom)], context))
  const size = builder.add(
    'Max',
    [left, right].map(({ y }) => builder.add('Abs', [y])),
  )
  const kernels = emitKernelErrors('Pow', size, 2, context)
  return { slope, intercept: emitOutwards({ slope, intercept }, range, size, kernels, -1, context) }
}

function emitPoint(x: string, exponent: number, { builder }: IntervalContext): Point {
  return { x, y: builder.add('Pow', [x, builder.scalar(exponent)]) }
}

function emitSlope(x: string, exponent: number, { builder }: IntervalContext): string {
  return builder.add('Mul', [builder.add('Pow', [x, builder.scalar(exponent - 1)]), builder.scalar(exponent)])
}

/** Where the tangent that meets the function at −1 touches it: the t > 0 with (p − 1)·t^p + p·t^(p − 1) = 1. */
function touchFrom(exponent: number): number {
  let [low, high] = [0, 1]
  for (let halving = 0; halving < 50; halving++) {
    const middle = (low + high) / 2
    const isBeyond = (exponent - 1) * middle ** exponent + exponent * middle ** (exponent - 1) > 1
    if (isBeyond) high = middle
    else low = middle
  }
  return high
}
