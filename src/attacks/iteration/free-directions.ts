import type { GraphBuilder } from '../../graph/builder.js'

/** Directions that bounds leave open at a point: names of tensors shaped like the point. */
export interface FreeDirections {
  /** ∞ where a coordinate can grow, 0 where it is at its upper bound. */
  readonly up: string
  /** −∞ where a coordinate can fall, 0 where it is at its lower bound. */
  readonly down: string
}

/** Emits the free directions: the room up to the bounds times ∞, which takes half the time of comparisons. */
export function emitFreeDirections(builder: GraphBuilder, point: string, lower: string, upper: string): FreeDirections {
  const open = (from: string, to: string, sign: number) => {
    const room = builder.add('Relu', [builder.add('Sub', [to, from])])
    // In two steps: no room times ∞ would be NaN.
    const much = builder.add('Mul', [room, builder.scalar(1e38)])
    return builder.add('Mul', [much, builder.scalar(sign * 1e38)])
  }
  return { up: open(point, upper, 1), down: open(lower, point, -1) }
}

/** Emits a direction without the components that lead out of the bounds: no length is spent on them. */
export function emitFeasible(builder: GraphBuilder, direction: string, { up, down }: FreeDirections): string {
  return builder.add('Min', [builder.add('Max', [direction, down]), up])
}
