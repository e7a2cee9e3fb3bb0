import type * as FastCheck from 'fast-check'
import type { Domain } from '../geometry/domain.js'
import { distance } from '../geometry/norm.js'
import { type Ball, projectOntoBall } from '../geometry/projection.js'

/** A point of a ball, independent of its radius and centre. */
export interface Perturbation {
  /** Which of the samples is perturbed. */
  readonly sample: number
  /** Size, relative to the radius. */
  readonly fraction: number
  readonly direction: ArrayLike<number>
}

/**
 * Perturbations for fast-check. Half of the directions are corners and faces of the ℓ∞ ball; the other half have
 * entries of all magnitudes, so that few of them dominate. Both shrink to fewer and smaller entries.
 */
export function perturbations(
  fastCheck: typeof FastCheck,
  samples: number,
  features: number,
): FastCheck.Arbitrary<Perturbation> {
  const length = { minLength: features, maxLength: features }
  return fastCheck.record({
    sample: fastCheck.nat(samples - 1),
    fraction: fastCheck.double({ min: 0, minExcluded: true, max: 1, noNaN: true }),
    direction: fastCheck.oneof(
      fastCheck.int8Array({ ...length, min: -1, max: 1 }),
      fastCheck.float32Array({ ...length, min: -1, max: 1, noNaN: true }),
    ),
  })
}

/** The point of the ball that the perturbation leads to, inside the domain. */
export function perturb({ fraction, direction }: Perturbation, ball: Ball, domain: Domain): Float32Array {
  const { center, radius, norm } = ball
  const length = distance(new Float32Array(center.length), direction)[norm]
  if (length === 0) return center
  const scale = (fraction * radius) / length
  const point = center.map((coordinate, feature) => coordinate + scale * direction[feature])
  projectOntoBall(point, ball, domain)
  return point
}
