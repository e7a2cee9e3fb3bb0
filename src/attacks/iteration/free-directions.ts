import type { GraphBuilder } from '../../graph/builder.js'

/** Directions that bounds leave open at a point: names of tensors shaped like the point. */
export interface FreeDirections {
  /** ∞ where a coordinate can grow, 0 where it is at its upper bound. */
  readonly up: string
  /** −∞ where a coordinate can fall, 0 where it is at its lower bound. */
  readonly down: string
}

/**
 * Emits the free directions of a point within the bounds: the room up to them times ∞, which takes half the time of
 * comparisons.
 */
export function emitFreeDirections(builder: GraphBuilder, point: string, lower: string, upper: string): FreeDirections {
  const open = (bound: string) => {
    const room = builder.add('Sub', [bound, point])
    // In two steps: no room times ∞ would be NaN.
    return builder.add('Mul', [builder.add('Mul', [room, builder.scalar(1e38)]), builder.scalar(1e38)])
  }
  return { up: open(upper), down: open(lower) }
}

/** Emits a direction without the components that lead out of the bounds: no length is spent on them. */
export function emitFeasible(builder: GraphBuilder, direction: string, { up, down }: FreeDirections): string {
  return builder.add('Min', [builder.add('Max', [direction, down]), up])
}
