import { addScaled } from './add-scaled.js'
import { dot } from './dot.js'
import { solveInPlace } from './linear-system.js'

/** The displacements d with rows · d ≥ offsets and lower ≤ d ≤ upper. */
export interface Polyhedron {
  /** Of about unit length: violations are measured in units of d. */
  readonly rows: readonly Float64Array[]
  readonly offsets: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
}

/** What is minimised: shrink · ‖d‖₁ + curvature/2 · ‖d‖₂². */
export interface Objective {
  readonly shrink: 0 | 1
  readonly curvature: number
  /** Only points where the objective is below are of interest. */
  readonly limit: number
  /** By how much rows may be missed. */
  readonly tolerance: number
}

export interface Minimum {
  /** `solved`: d is the point sought. `beyond`: the polyhedron has no point of interest. `stalled`: neither is known. */
  readonly status: 'solved' | 'beyond' | 'stalled'
  readonly d: Float64Array
  /** One multiplier per row, all at least 0. */
  readonly multipliers: Float64Array
}

const mostIterations = 100
// Rows that are missed by at least this share of the worst join the rows with multipliers in a Newton step.
const joining = 0.3
// Against singular systems; without the last one, near-parallel rows stall.
const regularisations = [1e-10, 1e-5, 1e-2]
const mostHalvings = 12
// Armijo's share of the promised rise.
const leastShare = 1e-4
// Of q: what its own rounding may take away.
const rounding = 1e-13

/**
 * Minimises a separable convex function over a polyhedron, in the dual: maximises
 * q(λ) = min objective(d) + λ · (offsets − rows · d) over d in the box and λ ≥ 0, by projected Newton steps with an Armijo
 * search along the projected path. Every q(λ) is a lower bound of the minimum, which tells early when nothing is of interest.
 * Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM Journal on Control and
 * Optimization, 1982.
 * @param start Multipliers to start from; missing ones are 0.
 */
export function minimumInPolyhedron(
  polyhedron: Polyhedron,
  objective: Objective,
  start: ArrayLike<number> = [],
): Minimum {
  const { limit, tolerance } = objective
  let current = evaluate(
    polyhedron,
    objective,
    Float64Array.from(polyhedron.offsets, (_, row) => start[row] ?? 0),
  )
  for (let iteration = 0; iteration < mostIterations; iteration++) {
    const { missing, multipliers } = current
    if (current.value >= limit) return { status: 'beyond', ...current }
    let worst = 0
    for (let row = 0; row < missing.length; row++) {
      worst = Math.max(worst, multipliers[row] > 0 ? Math.abs(missing[row]) : missing[row])
    }
    if (worst <= tolerance) return { status: 'solved', ...current }
    const working: number[] = []
    for (let row = 0; row < missing.length; row++) {
      if (multipliers[row] > 0 || missing[row] > joining * worst) working.push(row)
    }
    const next = stepFrom(polyhedron, objective, current, working)
    if (!next) break
    current = next
  }
  return { status: 'stalled', ...current }
}

interface Evaluation {
  readonly multipliers: Float64Array
  /** q */
  readonly value: number
  readonly d: Float64Array
  /** 1 where d moves with the multipliers. */
  readonly free: Uint8Array
  /** offsets − rows · d, the gradient of q. */
  readonly missing: Float64Array
}

function evaluate(
  { rows, offsets, lower, upper }: Polyhedron,
  { shrink, curvature }: Objective,
  multipliers: Float64Array,
): Evaluation {
  const n = lower.length
  const d = new Float64Array(n)
  for (let row = 0; row < multipliers.length; row++) {
    if (multipliers[row] !== 0) addScaled(d, rows[row], multipliers[row])
  }
  const free = new Uint8Array(n)
  let value = 0
  for (let feature = 0; feature < n; feature++) {
    const pull = d[feature]
    const wanted = shrink === 0 ? pull : Math.sign(pull) * Math.max(Math.abs(pull) - shrink, 0)
    const best = wanted / curvature
    const taken = Math.min(Math.max(best, lower[feature]), upper[feature])
    free[feature] = Number(taken === best && (shrink === 0 || wanted !== 0))
    d[feature] = taken
    value += shrink * Math.abs(taken) + taken * (0.5 * curvature * taken - pull)
  }
  const missing = new Float64Array(offsets.length)
  for (let row = 0; row < offsets.length; row++) {
    missing[row] = offsets[row] - dot(rows[row], d)
    value += multipliers[row] * offsets[row]
  }
  return { multipliers, value, d, free, missing }
}

/** A step of the working rows' multipliers that raises q; undefined where none is found. */
function stepFrom(
  polyhedron: Polyhedron,
  objective: Objective,
  current: Evaluation,
  working: readonly number[],
): Evaluation | undefined {
  const size = working.length
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    const moving = onlyFree(polyhedron.rows[working[i]], current.free)
    for (let j = 0; j <= i; j++) {
      matrix[i * size + j] = matrix[j * size + i] = dot(moving, polyhedron.rows[working[j]]) / objective.curvature
    }
  }
  const gradient = Float64Array.from(working, (row) => current.missing[row])
  for (const regularisation of regularisations) {
    const regular = matrix.slice()
    for (let i = 0; i < size; i++) regular[i * size + i] += regularisation / objective.curvature
    const direction = gradient.slice()
    if (!solveInPlace(regular, direction, size)) continue
    const next = search(polyhedron, objective, current, working, direction)
    if (next) return next
  }
  return search(
    polyhedron,
    objective,
    current,
    working,
    gradient.map((by) => by * objective.curvature),
  )
}

// The rows of millions of steps go through it, one after the other.
let scratch = new Float64Array(0)

/** The row with zeros where d does not move, until the next call. */
function onlyFree(row: Float64Array, free: Uint8Array): Float64Array {
  if (scratch.length !== row.length) scratch = new Float64Array(row.length)
  for (let feature = 0; feature < row.length; feature++) scratch[feature] = free[feature] * row[feature]
  return scratch
}

/** Armijo's search along the path from the multipliers in a direction, projected onto what may not be negative. */
function search(
  polyhedron: Polyhedron,
  objective: Objective,
  { multipliers: from, value, missing }: Evaluation,
  working: readonly number[],
  direction: Float64Array,
): Evaluation | undefined {
  let step = 1
  for (let halving = 0; halving < mostHalvings; halving++, step /= 2) {
    const multipliers = from.slice()
    let promised = 0
    working.forEach((row, index) => {
      multipliers[row] = Math.max(0, from[row] + step * direction[index])
      promised += missing[row] * (multipliers[row] - from[row])
    })
    if (!(promised > 0)) continue
    const reached = evaluate(polyhedron, objective, multipliers)
    if (reached.value >= value + leastShare * promised - rounding * Math.abs(value)) return reached
  }
  return undefined
}
