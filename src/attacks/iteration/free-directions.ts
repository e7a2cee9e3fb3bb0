import type { GraphBuilder } from '../../graph/builder.js'

/** Directions that bounds leave open at a point: names of tensors shaped like the point. */
export interface FreeDirections {
  /** ∞ where a coordinate can grow, 0 where it is at its upper bound. */
  readonly up: string
  /** −∞ where a coordinate can fall, 0 where it is at its lower bound. */
  readonly down: string
}

export function emitFreeDirections(builder: GraphBuilder, point: string, lower: string, upper: string): FreeDirections {
  const open = (operator: string, bound: string, limit: number) =>
    builder.add('Where', [builder.add(operator, [point, bound]), builder.scalar(limit), builder.scalar(0)])
  return { up: open('Less', upper, Number.POSITIVE_INFINITY), down: open('Greater', lower, Number.NEGATIVE_INFINITY) }
}

/** Emits a direction without the components that lead out of the bounds: no length is spent on them. */
export function emitFeasible(builder: GraphBuilder, direction: string, { up, down }: FreeDirections): string {
  return builder.add('Min', [builder.add('Max', [direction, down]), up])
}
