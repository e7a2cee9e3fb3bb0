import type { Domain } from '../../geometry/domain.js'
import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import { elementCount, type Graph, type TypedGraph } from '../../graph/graph.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { emitProjection } from '../iteration/emit-projection.js'
import { emitRanked } from '../iteration/emit-ranked.js'
import { loopGraph } from '../iteration/loop-graph.js'
import { type Box, declareAim, emitApproach, emitBox, emitColumn, emitReach, smallest } from './approach.js'
import { emitCosineSchedule } from './emit-schedule.js'

export interface FmnGraphSettings {
  readonly norm: Norm | 'l0'
  readonly steps: number
  /** Length of a step in ℓ2, first and last, in units of the first estimate of the ℓ2 distance. */
  readonly alpha: readonly [number, number]
  /** By what fraction the radius changes, first and last. */
  readonly gamma: readonly [number, number]
  readonly domain: Domain
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

/**
 * An iteration of FMN as a {@link loopGraph} that keeps the closest point. It carries `epsilon`, the radius of the ball,
 * `unit`, the first estimate of the ℓ2 distance, and the number of the iteration. All start at 0. Further
 * input, unless targeted: `rivals` (int64 [batch]), the classes to move to.
 */
export function fmnGraph(model: TypedGraph, settings: FmnGraphSettings): Graph {
  const { norm, steps, alpha, gamma, domain, targeted } = settings
  const featureShape = model.inputs[0].shape!.slice(1) as number[]
  const carried = ['epsilon', 'unit', 'iteration'].map((name) => ({ name, type: 'float32', shape: [] }) as const)
  return loopGraph(model, { targeted, carried, closest: norm }, (builder, labels) => {
    const aim = declareAim(builder, labels, targeted)
    const box = emitBox(builder, domain, featureShape)
    const reach = emitReach(builder, norm, box)
    const reachL2 = emitReach(builder, 'l2', box)

    return (state) => {
      const { body, point, fooled, carried } = state
      const { uphill, direction, length, distance } = emitApproach(state, aim, box)
      const schedule = (ends: readonly [number, number]) => emitCosineSchedule(body, carried.iteration, steps, ...ends)
      const infinity = body.scalar(Number.POSITIVE_INFINITY)
      const isFirst = body.add('Equal', [carried.iteration, body.scalar(0)])
      const unit = body.add('Where', [isFirst, body.add('Min', [distance('l2'), reachL2]), carried.unit])

      const radius: Radius = {
        current: carried.epsilon,
        change: body.add('Mul', [carried.epsilon, schedule(gamma)]),
        fooled,
        smallestFound: carried.bestDistance,
      }
      const found = body.add('Less', [carried.bestDistance, infinity])
      const size = emitNorm(body, norm, body.add('Sub', [point, 'origin']), featureShape)
      const wanted =
        norm === 'l0'
          ? emitCount(body, radius)
          : emitRadius(body, radius, { size, ahead: body.add('Where', [found, body.scalar(0), distance(norm)]) })
      const epsilon = body.add('Max', [body.add('Min', [wanted, reach]), body.scalar(smallest)])

      const step = body.add('Div', [body.add('Mul', [schedule(alpha), unit]), length])
      const moved = body.add('Add', [point, body.add('Mul', [direction, emitColumn(body, step, featureShape)])])
      const ball = { ...box, origin: 'origin', epsilon: emitColumn(body, epsilon, featureShape) }
      return {
        point:
          norm === 'l0' ? emitLargest(body, moved, ball) : emitProjection(body, norm, moved, within(body, norm, ball)),
        carried: { epsilon, unit, iteration: body.add('Add', [carried.iteration, body.scalar(1)]) },
        gradient: uphill,
      }
    }
  })
}

interface Radius {
  readonly current: string
  readonly change: string
  readonly fooled: string
  readonly smallestFound: string
}

/**
 * Inside the boundary the ball shrinks; outside it grows, as long as nothing is found at least to the boundary as it
 * looks from here.
 */
function emitRadius(
  body: GraphBuilder,
  { current, change, fooled, smallestFound }: Radius,
  { size, ahead }: { readonly size: string; readonly ahead: string },
): string {
  const narrower = body.add('Min', [body.add('Sub', [current, change]), body.add('Min', [smallestFound, size])])
  // From what is left of a step within the domain the published radius, size + ahead, may never grow.
  const wider = body.add('Add', [current, change])
  const isAhead = body.add('Greater', [ahead, body.scalar(0)])
  const furthest = body.add('Where', [isAhead, body.add('Max', [wider, body.add('Add', [size, ahead])]), wider])
  return body.add('Where', [fooled, narrower, furthest])
}

/** The radius in ℓ0 is a number of features. */
function emitCount(body: GraphBuilder, { current, change, fooled, smallestFound }: Radius): string {
  const one = body.scalar(1)
  const floor = (operator: string) => body.add('Floor', [body.add(operator, [current, change])])
  const fewer = body.add('Min', [body.add('Sub', [current, one]), body.add('Min', [floor('Sub'), smallestFound])])
  const more = body.add('Max', [body.add('Add', [current, one]), floor('Add')])
  return body.add('Max', [body.add('Where', [fooled, fewer, more]), one])
}

interface Ball extends Box {
  readonly origin: string
  readonly epsilon: string
}

/** The ℓ∞ ball is part of the bounds. */
function within(body: GraphBuilder, norm: Norm, ball: Ball): Ball {
  if (norm !== 'linf') return ball
  const { origin, epsilon, lower, upper } = ball
  return {
    ...ball,
    lower: body.add('Max', [lower, body.add('Sub', [origin, epsilon])]),
    upper: body.add('Min', [upper, body.add('Add', [origin, epsilon])]),
  }
}

/** Emits the projection of `point` onto the domain and there onto the ℓ0 ball: all but the largest changes are undone. */
function emitLargest(body: GraphBuilder, point: string, ball: Ball): string {
  const { origin, epsilon, lower, upper, featureShape } = ball
  const features = elementCount(featureShape)
  const clipped = body.add('Min', [body.add('Max', [point, lower]), upper])
  const sizes = body.add('Abs', [body.add('Sub', [clipped, origin])])
  const flat = body.add('Reshape', [sizes, body.ints([0, features])])
  const last = body.add('Sub', [body.add('Reshape', [epsilon, body.ints([0, 1])]), body.scalar(1)])
  const rank = body.add('Cast', [last], { to: elementTypeNumbers.int64 })
  const threshold = emitColumn(body, emitRanked(body, flat, rank), featureShape)
  return body.add('Where', [body.add('Less', [sizes, threshold]), origin, clipped])
}
