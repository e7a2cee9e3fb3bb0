import { displacementToHyperplane } from '../geometry/hyperplane.js'
import { lengthOf, type Norm } from '../geometry/norm.js'
import { addScaled } from './add-scaled.js'
import { dot } from './dot.js'
import { type Polyhedron, roundingOf } from './dual-function.js'
import { type Minimum, minimumInPolyhedron } from './dual-newton.js'

// Of the limit: by how much rows may be missed.
const tolerance = 1e-9
// In the other norms.
const looserTolerance = 1e-7
// Of the norm: what is as good as the smallest.
const closeEnough = 1e-6
// How much less the squares weigh from step to step.
const less = 0.3
const mostSteps = 14

/**
 * The point of a polyhedron with the smallest norm, if that is below `limit`. Rows are to be of unit ℓ2 length.
 * @param start Multipliers of an earlier, smaller set of the rows.
 */
export function closestInPolyhedron(
  norm: Norm,
  polyhedron: Polyhedron,
  limit: number,
  start?: ArrayLike<number>,
): Minimum {
  if (norm !== 'l2') return bySteps(norm, polyhedron, limit)
  const objective = { curvature: 1, limit: 0.5 * limit ** 2, tolerance: tolerance * limit }
  return minimumInPolyhedron(polyhedron, objective, start)
}

/**
 * Each step minimises the norm and the square of the ℓ2 distance to the step before, which weighs less and less, until the
 * multipliers prove that hardly a smaller norm is possible. (Rockafellar, "Monotone operators and the proximal point
 * algorithm", SIAM Journal on Control and Optimization, 1976.)
 */
function bySteps(norm: 'linf' | 'l1', polyhedron: Polyhedron, limit: number): Minimum {
  const { lower, upper } = polyhedron
  // In ℓ2, no point of interest is farther away.
  const corner = upper.map((high, feature) => Math.min(Math.max(high, -lower[feature]), limit))
  const farthest = norm === 'l1' ? limit : Math.sqrt(dot(corner, corner))
  let curvature = limit / farthest ** 2
  let found: Minimum | undefined
  for (let step = 0; step < mostSteps; step++, curvature *= less) {
    const centre = found?.d
    const squares = (farthest + (centre ? Math.sqrt(dot(centre, centre)) : 0)) ** 2
    const objective = {
      norm,
      curvature,
      centre,
      // Points with a norm below the limit cost no more than this.
      limit: limit + 0.5 * curvature * squares,
      tolerance: looserTolerance * limit,
    }
    const next = minimumInPolyhedron(polyhedron, objective, found?.multipliers)
    const least = leastNorm(norm, polyhedron, next.multipliers, farthest)
    if (least >= limit) return { ...next, status: 'beyond' }
    if (next.status === 'beyond') return next
    // What is known is in the polyhedron, and almost the nearest.
    if (next.status === 'stalled') return found ?? next
    found = next
    if (lengthOf(norm, next.d) <= least * (1 + closeEnough)) break
  }
  return found!
}

/**
 * The least norm in the half-space that is the sum of the rows, with multipliers, or less in ℓ1 where 0 is not in the box: points
 * of the polyhedron that are no farther away than `farthest` have no smaller one. Infinity where the box does not reach it.
 */
function leastNorm(norm: 'linf' | 'l1', polyhedron: Polyhedron, multipliers: Float64Array, farthest: number): number {
  const normal = new Float64Array(polyhedron.lower.length)
  let offset = -roundingOf(polyhedron, multipliers, farthest)
  multipliers.forEach((multiplier, row) => {
    if (multiplier === 0) return
    offset += multiplier * polyhedron.offsets[row]
    addScaled(normal, polyhedron.rows[row], multiplier)
  })
  const { lower, upper } = polyhedron
  const ofBox = new Float64Array(normal.length)
  for (let feature = 0; feature < normal.length; feature++) {
    ofBox[feature] = Math.min(Math.max(0, lower[feature]), upper[feature])
    // Where even what helps most is on the other side of 0, the feature is there.
    const isAgainst = ofBox[feature] * normal[feature] < 0
    if (!isAgainst) continue
    offset -= ofBox[feature] * normal[feature]
    normal[feature] = 0
  }
  const least = lengthOf(norm, ofBox)
  if (!(offset > 0)) return least
  const nearest = displacementToHyperplane(norm, new Float64Array(normal.length), { normal, offset }, polyhedron)
  const isReached = dot(normal, nearest) >= offset * (1 - tolerance)
  return isReached ? Math.max(least, lengthOf(norm, nearest)) : Number.POSITIVE_INFINITY
}
