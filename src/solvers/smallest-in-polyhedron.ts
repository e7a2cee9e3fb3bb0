import type { Float64Box } from '../geometry/float64-box.js'
import { smallestWithinRows } from './interior-point.js'

/** The displacements d with normal · d ≥ offset. */
export interface HalfSpace {
  readonly normal: ArrayLike<number>
  readonly offset: number
}

/**
 * The displacement of smallest ℓ2 or ℓ∞ norm in the intersection of half-spaces and a box, to about 1e-9 of its length;
 * where the intersection is empty, one that misses the half-spaces as little as it can.
 */
export function smallestInPolyhedron(
  norm: 'linf' | 'l2',
  halfSpaces: readonly HalfSpace[],
  { lower, upper }: Float64Box,
): Float64Array {
  const result = lower.slice()
  const isMovable = (feature: number) => lower[feature] < upper[feature]
  const movable = Array.from(lower.keys()).filter(isMovable)
  const n = movable.length
  // Rows of unit dual norm make lengths of the offsets, which are then brought to order 1.
  const rows = new Float64Array(halfSpaces.length * n)
  const offsets = halfSpaces.map(({ normal, offset }, row) => {
    let size = 0
    for (const feature of movable) size += norm === 'l2' ? normal[feature] ** 2 : Math.abs(normal[feature])
    if (size === 0) return 0
    if (norm === 'l2') size = Math.sqrt(size)
    movable.forEach((feature, index) => {
      rows[row * n + index] = normal[feature] / size
    })
    let missing = offset
    for (let feature = 0; feature < lower.length; feature++) {
      if (!isMovable(feature)) missing -= normal[feature] * lower[feature]
    }
    return missing / size
  })
  const farthest = Math.max(...offsets)
  const unit = farthest > 0 ? farthest : Math.max(...movable.map((feature) => upper[feature] - lower[feature]))
  const point = smallestWithinRows(
    norm,
    rows,
    Float64Array.from(offsets, (offset) => offset / unit),
    Float64Array.from(movable, (feature) => lower[feature] / unit),
    Float64Array.from(movable, (feature) => upper[feature] / unit),
  )
  movable.forEach((feature, index) => {
    result[feature] = Math.min(Math.max(point[index] * unit, lower[feature]), upper[feature])
  })
  return result
}
