import type { Box } from './box.js'
import type { CauchyPoint } from './cauchy-point.js'
import { dot } from './dot.js'
import type { LimitedMemory } from './limited-memory.js'
import { solveInPlace } from './linear-system.js'

/**
 * Minimises the quadratic model over the coordinates that are strictly inside the box at the Cauchy point, by the direct
 * primal method of Byrd, Lu, Nocedal, Zhu (1995), section 5.1. The minimum is projected onto the box; where that is no
 * direction of descent, the step from the Cauchy point is cut short at the first bound instead (Morales, Nocedal 2011).
 */
export function subspaceMinimum(
  x: Float64Array,
  gradient: Float64Array,
  { point: cauchy, coordinates }: CauchyPoint,
  box: Box,
  memory: LimitedMemory,
): Float64Array {
  const { lower, upper } = box
  const { theta, size } = memory
  const free: number[] = []
  for (let i = 0; i < x.length; i++) if (cauchy[i] > lower[i] && cauchy[i] < upper[i]) free.push(i)
  if (free.length === 0 || size === 0) return cauchy

  // Reduced gradient r of the model at the Cauchy point, Wᵀ r and Wᵀ W over the free coordinates.
  const row = new Float64Array(size)
  const shift = memory.applyMiddle(coordinates)
  const reduced = new Float64Array(free.length)
  const projected = new Float64Array(size)
  const gram = new Float64Array(size * size)
  free.forEach((i, index) => {
    memory.row(i, row)
    const r = gradient[i] + theta * (cauchy[i] - x[i]) - dot(row, shift)
    reduced[index] = r
    for (let a = 0; a < size; a++) {
      projected[a] += r * row[a]
      for (let b = a; b < size; b++) gram[a * size + b] += row[a] * row[b]
    }
  })

  // d = −r/θ − W v/θ², (I − M WᵀW/θ) v = M Wᵀ r
  const system = new Float64Array(size * size)
  for (let column = 0; column < size; column++) {
    const entries = Float64Array.from(row, (_, a) => gram[Math.min(a, column) * size + Math.max(a, column)])
    memory.applyMiddle(entries).forEach((entry, a) => {
      system[a * size + column] = (a === column ? 1 : 0) - entry / theta
    })
  }
  const solution = memory.applyMiddle(projected)
  if (!solveInPlace(system, solution, size)) return cauchy

  const minimum = cauchy.slice()
  const step = reduced.map((r, index) => -r / theta - dot(memory.row(free[index], row), solution) / theta ** 2)
  let descent = 0
  let fraction = 1
  free.forEach((i, index) => {
    minimum[i] = Math.min(Math.max(cauchy[i] + step[index], lower[i]), upper[i])
    const room = (step[index] > 0 ? upper[i] : lower[i]) - cauchy[i]
    if (Math.abs(step[index]) > Math.abs(room)) fraction = Math.min(fraction, room / step[index])
  })
  for (let i = 0; i < x.length; i++) descent += gradient[i] * (minimum[i] - x[i])
  if (descent < 0) return minimum
  free.forEach((i, index) => {
    minimum[i] = Math.min(Math.max(cauchy[i] + fraction * step[index], lower[i]), upper[i])
  })
  return minimum
}
