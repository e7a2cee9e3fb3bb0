import { type Minimum, minimumInPolyhedron, type Polyhedron } from './dual-newton.js'
import { smallestInPolyhedron } from './smallest-in-polyhedron.js'

// Of the limit: by how much rows may be missed.
const tolerance = 1e-9
// What the interior-point method reaches.
const looserTolerance = 1e-7
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

function smallestMaximum({ rows, offsets, lower, upper }: Polyhedron, limit: number): Minimum {
  const n = lower.length
  const halfSpaces = rows.map((normal, row) => ({ normal, offset: offsets[row] }))
  const room = {
    lower: lower.map((low) => Math.max(low, -limit)),
    upper: upper.map((high) => Math.min(high, limit)),
  }
  const d = smallestInPolyhedron('linf', halfSpaces, room)
  // The method does not return multipliers: rows without room to spare have one.
  const multipliers = Float64Array.from(halfSpaces, ({ normal, offset }) => {
    let spare = -offset
    for (let feature = 0; feature < n; feature++) spare += normal[feature] * d[feature]
    return spare
  })
  const isWithin = multipliers.every((spare) => spare > -looserTolerance * Math.sqrt(n) * limit)
  return {
    status: isWithin ? 'solved' : 'beyond',
    d,
    multipliers: multipliers.map((spare) => Number(spare < 1e-5 * limit)),
  }
}
