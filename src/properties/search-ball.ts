import type { Domain } from '../geometry/domain.js'
import { type Ball, projectOntoBall } from '../geometry/projection.js'
import { perturbationOnSphere } from '../geometry/random-perturbation.js'
import { roomWithin, steepestStep } from '../geometry/steepest-step.js'
import type { RandomSource } from '../sampling/random.js'
import { range } from '../sampling/rows.js'
import { logitsOf } from './evaluate-network.js'
import { finiteDifferences } from './finite-differences.js'
import type { Network } from './network.js'

export interface BallToSearch extends Ball {
  readonly label: number
}

const randomStarts = 2
const ascents = 3

/**
 * Points of the ball that are likely to be classified as something else than `label`, the likeliest first. Single features
 * moved by the radius and, from the center and from random points of the sphere, for each rival class: the point of ball
 * and domain that is furthest over the boundary of a linear model with the gradient at hand; the same from there, and so
 * on. Gradients are central differences over half of the radius, a quarter, and so on: they see what lies behind a kink.
 */
export function searchBall(network: Network, ball: BallToSearch, domain: Domain, random: RandomSource): Float32Array[] {
  const { norm, center, radius, label } = ball
  const room = roomWithin(center, domain)
  const within = (displacement: ArrayLike<number>) => {
    const point = center.map((coordinate, feature) => coordinate + displacement[feature])
    projectOntoBall(point, ball, domain)
    return point
  }
  const found: { point: Float32Array; margin: number }[] = []
  const marginsAt = (input: ArrayLike<number>) => {
    const logits = logitsOf(network, input)
    return Array.from(logits, (logit, index) => (index === label ? Number.POSITIVE_INFINITY : logits[label] - logit))
  }
  const keep = (point: Float32Array) => {
    found.push({ point, margin: Math.min(...marginsAt(point)) })
    return point
  }
  for (const feature of center.keys()) {
    for (const step of [radius, -radius]) keep(within(center.map((_, other) => (other === feature ? step : 0))))
  }
  const starts = range(randomStarts).map(() => keep(within(perturbationOnSphere(norm, radius, center.length, random))))
  const rivals = marginsAt(center).flatMap((margin, index) => (margin < Number.POSITIVE_INFINITY ? [index] : []))
  for (const start of [center, ...starts]) {
    for (const rival of rivals) {
      let point = start
      for (const turn of range(ascents)) {
        const gradient = finiteDifferences(point, (input) => -marginsAt(input)[rival], radius / 2 ** (turn + 1))
        if (gradient.every((slope) => slope === 0)) break
        point = keep(within(steepestStep(gradient, norm, radius, room)))
      }
    }
  }
  return found.sort((one, other) => one.margin - other.margin).map(({ point }) => point)
}
