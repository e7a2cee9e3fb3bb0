import { displacementToHyperplane } from '../geometry/hyperplane.js'
import { addScaled } from './add-scaled.js'
import { dot } from './dot.js'
import { type Minimum, minimumInPolyhedron, type Polyhedron } from './dual-newton.js'

// Of the limit: by how much rows may be missed.
const tolerance = 1e-9
// In the other norms.
const looserTolerance = 1e-7
const mostRounds = 50
// Of the limit: a largest entry that is as good as none.
const smallestPart = 1e-9
// The ℓ1 norm is regularised less and less, until that no longer changes anything.
const curvatures = [1, 1e-2, 1e-4]

/**
 * The point of a polyhedron with the smallest norm, if that is below `limit`. Rows are to be of unit ℓ2 length.
 * @param start Multipliers of an earlier, smaller set of the rows.
 */
export function closestInPolyhedron(
  norm: 'linf' | 'l2' | 'l1',
  polyhedron: Polyhedron,
  limit: number,
  start?: ArrayLike<number>,
): Minimum {
  if (norm === 'l2') {
    const objective = { shrink: 0, curvature: 1, limit: 0.5 * limit ** 2, tolerance: tolerance * limit } as const
    return minimumInPolyhedron(polyhedron, objective, start)
  }
  if (norm === 'linf') return smallestMaximum(polyhedron, limit)
  let found: Minimum | undefined
  for (const relative of curvatures) {
    const curvature = relative / limit
    // Points with an ℓ1 norm below the limit cost no more than this.
    const objective = {
      shrink: 1,
      curvature,
      limit: limit + 0.5 * curvature * limit ** 2,
      tolerance: looserTolerance * limit,
    } as const
    const next = minimumInPolyhedron(polyhedron, objective, found?.multipliers)
    if (next.status !== 'solved') return found?.status === 'solved' && next.status === 'stalled' ? found : next
    found = next
  }
  return found!
}

/**
 * The largest entry is raised until a polyhedron in the box that it allows is not empty: the multipliers that prove one
 * empty make a single half-space of its rows, and the next box is the smallest that reaches it.
 * (Dinkelbach, "On nonlinear fractional programming", Management Science, 1967.)
 */
function smallestMaximum({ rows, offsets, lower, upper }: Polyhedron, limit: number): Minimum {
  const still = new Float64Array(lower.length)
  let multipliers: Float64Array = new Float64Array(offsets.length)
  let d: Float64Array = still
  // No point of the polyhedron has a smaller largest entry.
  let least = 0
  const reach = (normal: Float64Array, offset: number): number => {
    if (!(offset > 0)) return 0
    const nearest = displacementToHyperplane('linf', still, { normal, offset }, { lower, upper })
    return dot(normal, nearest) < offset * (1 - tolerance) ? Number.POSITIVE_INFINITY : largestOf(nearest)
  }
  rows.forEach((row, index) => {
    least = Math.max(least, reach(row, offsets[index]))
  })
  for (let round = 0; round < mostRounds; round++) {
    if (least >= limit) return { status: 'beyond', d, multipliers }
    // Closer the box would have next to no points, and multipliers without end.
    const size = Math.min(Math.max(least, smallestPart * limit) * (1 + looserTolerance), limit)
    const box = {
      lower: lower.map((low) => Math.max(low, -size)),
      upper: upper.map((high) => Math.min(high, size)),
    }
    const corner = box.upper.reduce((sum, high, feature) => sum + Math.max(high, -box.lower[feature]) ** 2, 0)
    const objective = {
      shrink: 0,
      curvature: 1,
      // Beyond the farthest corner there is nothing.
      limit: 0.5 * corner * 1.01,
      tolerance: 0.1 * looserTolerance * size,
    } as const
    const found = minimumInPolyhedron({ rows, offsets, ...box }, objective, multipliers)
    d = found.d
    multipliers = found.multipliers
    // Where the box has hardly a point, the multipliers may have no end though the point is found.
    const missed = rows.reduce((worst, row, index) => Math.max(worst, offsets[index] - dot(row, d)), 0)
    if (found.status === 'solved' || missed <= looserTolerance * Math.sqrt(d.length) * size) {
      return { status: 'solved', d, multipliers }
    }
    const sum = new Float64Array(lower.length)
    let offset = 0
    multipliers.forEach((multiplier, index) => {
      if (multiplier === 0) return
      offset += multiplier * offsets[index]
      addScaled(sum, rows[index], multiplier)
    })
    const next = reach(sum, offset)
    if (!(next > least)) return { status: 'stalled', d, multipliers }
    least = next
    // Multipliers grow while they prove, and are too large for a larger box.
    multipliers = new Float64Array(offsets.length)
  }
  return { status: 'stalled', d, multipliers }
}

function largestOf(vector: Float64Array): number {
  let largest = 0
  for (let index = 0; index < vector.length; index++) largest = Math.max(largest, Math.abs(vector[index]))
  return largest
}
