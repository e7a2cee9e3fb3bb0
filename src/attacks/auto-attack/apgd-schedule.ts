import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import type { Ball } from '../iteration/emit-projection.js'

/** What is known in one iteration: names in the body of the loop. Numbers per sample have axes of size 1 for the features. */
export interface ApgdIteration {
  readonly norm: Norm
  readonly steps: number
  readonly rho: number
  readonly ball: Ball
  readonly point: string
  readonly uphill: string
  readonly loss: string
  /** The point with the largest loss so far, the gradient there and the loss. */
  readonly highest: string
  readonly highestGradient: string
  readonly highestLoss: string
  readonly iteration: string
  /** What the iteration before carried on. */
  readonly before: Readonly<Record<string, string>>
}

/** How the size of the steps follows the progress. */
export interface ApgdSchedule {
  /** Points that it carries on; each starts as the starting point. */
  readonly points: readonly string[]
  /** Numbers per sample that it carries on, and what they start as. */
  memory(epsilon: number, features: number): Readonly<Record<string, number>>
  advance(builder: GraphBuilder, iteration: ApgdIteration): { point: string; carried: Readonly<Record<string, string>> }
}
