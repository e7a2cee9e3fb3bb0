import { addScaled } from './add-scaled.js'
import type { Box } from './box.js'
import { dot } from './dot.js'
import type { LimitedMemory } from './limited-memory.js'

export interface CauchyPoint {
  readonly point: Float64Array
  /** Wᵀ (point − x) */
  readonly coordinates: Float64Array
}

/**
 * The generalised Cauchy point: the first local minimum of the quadratic model along the path of steepest descent from
 * `x`, bent at the bounds of the box. Byrd, Lu, Nocedal, Zhu (1995), algorithm CP.
 */
export function cauchyPoint(x: Float64Array, gradient: Float64Array, box: Box, memory: LimitedMemory): CauchyPoint {
  const { lower, upper } = box
  const { theta } = memory
  const point = x.slice()
  const direction = new Float64Array(x.length)
  const breaks = new Float64Array(x.length)
  const moving: number[] = []
  for (let i = 0; i < x.length; i++) {
    const g = gradient[i]
    breaks[i] = g === 0 ? 0 : (x[i] - (g < 0 ? upper[i] : lower[i])) / g
    if (breaks[i] <= 0) continue
    direction[i] = -g
    moving.push(i)
  }
  moving.sort((left, right) => breaks[left] - breaks[right])

  const row = new Float64Array(memory.size)
  const coordinates = new Float64Array(memory.size)
  const projected = memory.project(direction)
  let slope = -dot(direction, direction)
  let curvature = -theta * slope - dot(projected, memory.applyMiddle(projected))
  const smallestCurvature = -Number.EPSILON * theta * slope
  let time = 0
  let passed = 0
  for (; passed < moving.length; passed++) {
    const i = moving[passed]
    const span = breaks[i] - time
    if (-slope / Math.max(curvature, smallestCurvature) < span) break
    // The path bends: coordinate i stays at its bound.
    point[i] = direction[i] > 0 ? upper[i] : lower[i]
    const [g, z] = [gradient[i], point[i] - x[i]]
    addScaled(coordinates, projected, span)
    memory.row(i, row)
    const middleRow = memory.applyMiddle(row)
    slope += span * curvature + g * g + theta * g * z - g * dot(middleRow, coordinates)
    curvature -= theta * g * g + 2 * g * dot(middleRow, projected) + g * g * dot(middleRow, row)
    addScaled(projected, row, g)
    direction[i] = 0
    time = breaks[i]
  }
  if (passed < moving.length) {
    const span = Math.max(-slope / Math.max(curvature, smallestCurvature), 0)
    time += span
    addScaled(coordinates, projected, span)
    for (const i of moving.slice(passed)) {
      point[i] = Math.min(Math.max(x[i] + time * direction[i], lower[i]), upper[i])
    }
  }
  return { point, coordinates }
}
