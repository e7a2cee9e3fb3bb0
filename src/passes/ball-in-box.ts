import type { GraphBuilder } from '../graph/builder.js'
import type { Interval } from '../operators/operator.js'

/** An ℓ2 ball of each sample, and a box that may cut something off: names in the built graph. */
export interface BallInBox {
  readonly centre: string
  /** One number per sample. */
  readonly radius: string
  readonly box: Interval
}

/**
 * More than ball and box have in common: all sums of a point of a smaller box around the centre and a step in the ball, each
 * coordinate of which goes one way only, or both, or none. Linear functions have a minimum over it in closed form.
 */
export interface SplitBall {
  readonly box: Interval
  /** Which coordinates the step may decrease or increase: bool, with the axes of the box. There the box has no width. */
  readonly isFree: { readonly down: string; readonly up: string }
}

/** Radii and sums of squares are at least this, so that no square of what matters underflows. */
export const leastReach = 1e-12
export const leastSquare = 2 ** -100

/** What the box leaves is little up to this part of how far a coordinate goes where all go as far. */
const little = 0.5

/**
 * Splits a ball for functions of `count` coordinates: where the box leaves little room, the small box has it, and the step does not
 * go there; elsewhere the step is as if there were no box.
 */
export function emitSplit(
  { centre, radius, box }: BallInBox,
  shape: readonly number[],
  count: number,
  builder: GraphBuilder,
): SplitBall {
  const column = builder.add('Reshape', [radius, builder.ints([-1, ...shape.map(() => 1)])])
  const limit = builder.add('Mul', [column, builder.scalar(little / Math.sqrt(count))])
  const isFree = {
    down: builder.add('Greater', [builder.add('Sub', [centre, box.lower]), limit]),
    up: builder.add('Greater', [builder.add('Sub', [box.upper, centre]), limit]),
  }
  return {
    isFree,
    box: {
      lower: builder.add('Where', [isFree.down, centre, box.lower]),
      upper: builder.add('Where', [isFree.up, centre, box.upper]),
    },
  }
}
