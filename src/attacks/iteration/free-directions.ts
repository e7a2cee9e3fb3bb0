import type { GraphBuilder } from '../../graph/builder.js'

/** Directions that bounds leave open at a point: names of tensors shaped like the point. */
export interface FreeDirections {
  /** More than any derivative where a coordinate can grow, 0 where it is at its upper bound. */
  readonly up: string
  /** Likewise below zero where a coordinate can fall, 0 where it is at its lower bound. */
  readonly down: string
}

/** Emits the free directions: the room up to the bounds on a huge scale, which takes half the time of comparisons. */
export function emitFreeDirections(builder: GraphBuilder, point: string, lower: string, upper: string): FreeDirections {
  const room = (from: string, to: string) => builder.add('Relu', [builder.add('Sub', [to, from])])
  const huge = (length: string, sign: number) => builder.add('Mul', [length, builder.scalar(sign * 1e38)])
  return { up: huge(room(point, upper), 1), down: huge(room(lower, point), -1) }
}

/** Emits a direction without the components that lead out of the bounds: no length is spent on them. */
export function emitFeasible(builder: GraphBuilder, direction: string, { up, down }: FreeDirections): string {
  return builder.add('Min', [builder.add('Max', [direction, down]), up])
}
