import { addScaled } from './add-scaled.js'
import { dot } from './dot.js'
import { type Cost, type ProximalPoint, proximalPoint } from './proximal-point.js'

/** The displacements d with rows · d ≥ offsets and lower ≤ d ≤ upper. */
export interface Polyhedron {
  /** Of unit length: violations are measured in units of d. */
  readonly rows: readonly Float64Array[]
  readonly offsets: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
}

/** What is minimised. */
export interface Objective extends Cost {
  /** Only points that cost less are of interest. */
  readonly limit: number
  /** By how much rows may be missed. */
  readonly tolerance: number
}

// Rows are of unit length but for rounding.
const longestRow = 1 + 1e-9

/** q(λ) = min cost(d) + λ · (offsets − rows · d) over d in the box, at some multipliers λ. */
export interface Evaluation {
  readonly multipliers: Float64Array
  /** multipliers · rows */
  readonly pull: Float64Array
  readonly point: ProximalPoint
  /** q, for which points of interest cost no less than the value less the doubt: what rounding may have added. */
  readonly value: number
  readonly doubt: number
}

export function evaluate(polyhedron: Polyhedron, objective: Objective, multipliers: Float64Array): Evaluation {
  const { rows, offsets, lower } = polyhedron
  const pull = new Float64Array(lower.length)
  let constant = constantOf(objective)
  for (let row = 0; row < multipliers.length; row++) {
    if (multipliers[row] === 0) continue
    addScaled(pull, rows[row], multipliers[row])
    constant += multipliers[row] * offsets[row]
  }
  const point = proximalPoint(objective, pull, polyhedron)
  const doubt = roundingOf(polyhedron, multipliers, farthestOf(objective))
  return { multipliers, pull, point, value: constant + point.value, doubt }
}

function constantOf({ curvature, centre }: Objective): number {
  return centre ? 0.5 * curvature * dot(centre, centre) : 0
}

/** offsets − rows · d, the gradient of q. */
export function missingAt({ rows, offsets }: Polyhedron, d: Float64Array): Float64Array {
  const missing = new Float64Array(offsets.length)
  for (let row = 0; row < offsets.length; row++) missing[row] = offsets[row] - dot(rows[row], d)
  return missing
}

/** The same after a step. Of rows without a multiplier that are not missed for sure, no more than a bound of it. */
export function missingAfter(
  { rows, offsets }: Polyhedron,
  before: Float64Array,
  missingBefore: Float64Array,
  { point: { d }, multipliers }: Evaluation,
): Float64Array {
  let squares = 0
  for (let feature = 0; feature < d.length; feature++) squares += (d[feature] - before[feature]) ** 2
  const moved = longestRow * Math.sqrt(squares)
  const missing = new Float64Array(offsets.length)
  for (let row = 0; row < offsets.length; row++) {
    const most = missingBefore[row] + moved
    missing[row] = most < 0 && multipliers[row] === 0 ? most : offsets[row] - dot(rows[row], d)
  }
  return missing
}

/**
 * By how much multipliers · (offsets − rows · d) may be less than it seems where ‖d‖₂ ≤ farthest: a bound of what rounding
 * does to sums over rows and over features.
 */
export function roundingOf({ rows, offsets, lower }: Polyhedron, multipliers: Float64Array, farthest: number): number {
  let size = 0
  for (let row = 0; row < rows.length; row++) size += multipliers[row] * (Math.abs(offsets[row]) + farthest)
  return (rows.length + lower.length) * Number.EPSILON * size
}

/** In ℓ2, no point of interest is farther away. */
export function farthestOf({ limit, curvature, centre }: Objective): number {
  return Math.sqrt((2 * limit) / curvature) + (centre ? Math.sqrt(dot(centre, centre)) : 0)
}
