import type { Domain } from '../../geometry/domain.js'
import { displacementToHyperplane } from '../../geometry/hyperplane.js'
import { lengthOf, type Norm } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import type { LinearisedMargin } from '../iteration/linearised-margin.js'

export interface FabStepSettings {
  readonly norm: Norm
  readonly alphaMax: number
  readonly eta: number
}

// Two points that are both on the boundary are weighted evenly.
const smallestLength = 1e-8

/**
 * Moves `point`, where a margin was linearised, beyond the boundary where the linearisation is zero: a weighted mean of the
 * step from the point and of the step from `origin`, which counts the more the nearer the boundary is to it.
 */
export function fabStep(
  point: Float32Array,
  origin: Float32Array,
  { margin, gradient }: LinearisedMargin,
  { norm, alphaMax, eta }: FabStepSettings,
  domain: Domain,
): void {
  let offset = -margin
  for (let feature = 0; feature < point.length; feature++) offset += gradient[feature] * point[feature]
  const [step, biased] = [point, origin].map((from) =>
    displacementToHyperplane(norm, from, { normal: gradient, offset }, domain),
  )
  const [length, biasedLength] = [step, biased].map((each) => Math.max(lengthOf(norm, each), smallestLength))
  const alpha = Math.min(length / (length + biasedLength), alphaMax)
  for (let feature = 0; feature < point.length; feature++) {
    const next = point[feature] + eta * step[feature]
    point[feature] = (1 - alpha) * next + alpha * (origin[feature] + eta * biased[feature])
  }
  clipToDomain(point, domain)
}
