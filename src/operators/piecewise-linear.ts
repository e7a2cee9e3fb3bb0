import type { GraphNode } from '../graph/graph.js'
import { lineRelaxation } from './lines.js'
import type { Interval, IntervalContext, Lines, RelaxationRules } from './operator.js'
import { emitExcesses, emitLargest, emitMiddle, emitNearest, emitOutwards, emitSecant, type Point } from './ranges.js'

/** Names of the values between which y = x; outside, y is constant. An empty name means that there is none. */
export interface Corners {
  readonly lowest: string
  readonly highest: string
}

/**
 * The lines around y = min(max(x, lowest), highest) with the smallest area: each supports the convex hull of the
 * function's graph at the middle of the range.
 */
export function clipLines(range: Interval, { lowest, highest }: Corners, context: IntervalContext): Lines {
  const { builder } = context
  const { lower, upper } = range
  const clipped = (x: string) => emitClip(x, { lowest, highest }, context)
  const point = (x: string): Point => ({ x, y: clipped(x) })
  const [left, right] = [point(lower), point(upper)]
  const low = lowest ? point(emitNearest(lowest, range, context)) : left
  const high = highest ? point(emitNearest(highest, range, context)) : right
  const middle = emitMiddle(range, context)
  const zero = builder.scalar(0)

  const above = emitSecant(left, high, context)
  const upperSlope = builder.add('Where', [builder.add('Less', [middle, high.x]), above, zero])
  const below = emitSecant(low, right, context)
  const lowerSlope = builder.add('Where', [builder.add('Greater', [middle, low.x]), below, zero])
  const isRaised = lowest === '' ? undefined : builder.add('Less', [lower, lowest])
  const flattest = isRaised && builder.add('Where', [isRaised, zero, lowerSlope])

  const corners = [left, low, high, right]
  const line = (slope: string, direction: 1 | -1) => {
    const intercept = builder.add(direction === 1 ? 'Max' : 'Min', emitExcesses(slope, corners, context))
    const size = emitLargest({ lower: left.y, upper: right.y }, context)
    return { slope, intercept: emitOutwards({ slope, intercept }, range, size, zero, direction, context) }
  }
  return {
    lower: line(lowerSlope, -1),
    upper: line(upperSlope, 1),
    // Without a corner below, the line through both ends is all there is.
    ...(flattest && { flattest: line(flattest, -1), steepest: line(below, -1) }),
  }
}

function emitClip(x: string, { lowest, highest }: Corners, { builder }: IntervalContext): string {
  const raised = lowest ? builder.add('Max', [x, lowest]) : x
  return highest ? builder.add('Min', [raised, highest]) : raised
}

/** Whether a range has a corner inside. */
export function emitHasCorner(range: Interval, { lowest, highest }: Corners, { builder }: IntervalContext): string {
  const inside = [lowest, highest]
    .filter(Boolean)
    .map((corner) =>
      builder.add('And', [builder.add('Less', [range.lower, corner]), builder.add('Greater', [range.upper, corner])]),
    )
  return inside.reduce((left, right) => builder.add('Or', [left, right]))
}

/** Relaxation of a function that is {@link clipLines} of its input. */
export function clipRelaxation(cornersOf: (node: GraphNode, context: IntervalContext) => Corners): RelaxationRules {
  return lineRelaxation(
    (range, node, context) => emitHasCorner(range, cornersOf(node, context), context),
    (range, node, context) => clipLines(range, cornersOf(node, context), context),
  )
}
