import { addScaled } from './add-scaled.js'
import { dot } from './dot.js'
import {
  type Evaluation,
  evaluate,
  farthestOf,
  missingAfter,
  missingAt,
  type Objective,
  type Polyhedron,
  roundingOf,
} from './dual-function.js'
import { largestOverOrthant } from './largest-over-orthant.js'
import { follow, type ProximalPoint, proximalPoint } from './proximal-point.js'

export interface Minimum {
  /** `solved`: d is the point sought. `beyond`: the multipliers prove that no point is of interest. `stalled`: neither is known. */
  readonly status: 'solved' | 'beyond' | 'stalled'
  readonly d: Float64Array
  /** One multiplier per row, all at least 0. */
  readonly multipliers: Float64Array
}

const mostIterations = 100
// Rows that are missed by at least this share of the worst join the rows with multipliers in a step.
const joining = 0.3
// Against singular systems; without the last one, near-parallel rows stall.
const regularisations = [1e-10, 1e-5, 1e-2]
// Of what q lacks to the limit: a step that promises more is cut short.
const farEnough = 2
const mostProbes = 40
// Where the end of a step is not known, it is tried so much farther off.
const farther = 4
// Of the slope of q at the start of a step: what is left of it, up or down, at its end.
const flatEnough = 0.1
// Armijo's share of the promised rise.
const leastShare = 1e-4
// Of q: what its own rounding may take away.
const rounding = 1e-13

/**
 * Minimises a cost over a polyhedron, in the dual: maximises q(λ) = min cost(d) + λ · (offsets − rows · d) over d in the box
 * and λ ≥ 0, which is made of quadratic pieces: each step goes to where the piece at hand is largest, or as far on the way as q
 * rises. Every q(λ) is a lower bound of the minimum: it tells early when nothing is of interest, and where the polyhedron
 * is empty, q rises without end. (Qi and Sun, "A nonsmooth version of Newton's method", Mathematical Programming, 1993.)
 * @param start Multipliers to start from; missing ones are 0.
 */
export function minimumInPolyhedron(
  polyhedron: Polyhedron,
  objective: Objective,
  start: ArrayLike<number> = [],
): Minimum {
  const { limit, tolerance } = objective
  const first = new Float64Array(polyhedron.offsets.length)
  first.set(start)
  let current = evaluate(polyhedron, objective, first)
  let missing = missingAt(polyhedron, current.point.d)
  for (let iteration = 0; iteration < mostIterations; iteration++) {
    const { multipliers } = current
    if (current.value >= limit) return minimum(current.value - current.doubt >= limit ? 'beyond' : 'stalled', current)
    let worst = 0
    for (let row = 0; row < missing.length; row++) {
      worst = Math.max(worst, multipliers[row] > 0 ? Math.abs(missing[row]) : missing[row])
    }
    if (worst <= tolerance) return minimum('solved', current)
    const working: number[] = []
    for (let row = 0; row < missing.length; row++) {
      if (multipliers[row] > 0 || missing[row] > joining * worst) working.push(row)
    }
    const next = stepFrom(polyhedron, objective, current, missing, working)
    if (!next) break
    if (next.value < limit) missing = missingAfter(polyhedron, current.point.d, missing, next)
    current = next
  }
  return minimum('stalled', current)
}

function minimum(status: Minimum['status'], { point: { d }, multipliers }: Evaluation): Minimum {
  return { status, d, multipliers }
}

/** A step of the working rows' multipliers that raises q; undefined where none is found. */
function stepFrom(
  polyhedron: Polyhedron,
  objective: Objective,
  current: Evaluation,
  missing: Float64Array,
  working: readonly number[],
): Evaluation | undefined {
  const rows = working.map((row) => polyhedron.rows[row])
  const columns = new Array<Float64Array | undefined>(rows.length).fill(undefined)
  const column = (of: number) => {
    columns[of] ??= productsWith(rows, of, columns, current.point, objective.curvature)
    return columns[of]
  }
  const start = entriesOf(current.multipliers, working)
  const slopes = entriesOf(missing, working)
  const enough = farEnough * (objective.limit - current.value)
  for (const regularisation of regularisations) {
    const top = largestOverOrthant({ start, slopes, column, ridge: regularisation / objective.curvature }, enough)
    if (!top) continue
    const direction = top.x
    for (let index = 0; index < direction.length; index++) direction[index] -= start[index]
    const next = search(polyhedron, objective, current, slopes, working, direction, Math.min(1, enough / top.risen))
    if (next) return next
  }
  return undefined
}

function entriesOf(all: Float64Array, places: readonly number[]): Float64Array {
  const entries = new Float64Array(places.length)
  for (let index = 0; index < entries.length; index++) entries[index] = all[places[index]]
  return entries
}

/**
 * The products of rows with the move of d along one of them: a column of the Hessian of −q. What columns that are known have in
 * common with it is taken from there.
 */
function productsWith(
  rows: readonly Float64Array[],
  of: number,
  known: readonly (Float64Array | undefined)[],
  point: ProximalPoint,
  curvature: number,
): Float64Array {
  if (move.length !== rows[of].length) move = new Float64Array(rows[of].length)
  follow(point, curvature, rows[of], move)
  const products = new Float64Array(rows.length)
  for (let other = 0; other < rows.length; other++) products[other] = known[other]?.[of] ?? dot(rows[other], move)
  return products
}

// Of millions of steps, one after the other.
let move = new Float64Array(0)
let change = new Float64Array(0)

/** The multipliers along a direction where q is as good as flat, or beyond the limit; undefined where it does not rise. */
function search(
  polyhedron: Polyhedron,
  objective: Objective,
  from: Evaluation,
  slopes: Float64Array,
  working: readonly number[],
  direction: Float64Array,
  first: number,
): Evaluation | undefined {
  if (change.length !== from.pull.length) change = new Float64Array(from.pull.length)
  change.fill(0)
  let [slope, rise, farthest] = [0, 0, Number.POSITIVE_INFINITY]
  for (let index = 0; index < working.length; index++) {
    const [row, by] = [working[index], direction[index]]
    if (by === 0) continue
    addScaled(change, polyhedron.rows[row], by)
    slope += by * slopes[index]
    rise += by * polyhedron.offsets[row]
    if (by < 0) farthest = Math.min(farthest, from.multipliers[row] / -by)
  }
  if (!(slope > 0)) return undefined
  const constant = from.value - from.point.value
  const at = (step: number) => {
    const pull = from.pull.slice()
    addScaled(pull, change, step)
    const point = proximalPoint(objective, pull, polyhedron)
    return { pull, point, value: constant + step * rise + point.value }
  }
  const taken = (step: number, next: ReturnType<typeof at>): Evaluation => {
    const multipliers = from.multipliers.slice()
    for (let index = 0; index < working.length; index++) {
      const row = working[index]
      multipliers[row] = Math.max(0, multipliers[row] + step * direction[index])
    }
    // That of the sums that were there, and of what was added to them.
    const reach = farthestOf(objective)
    const added = roundingOf(polyhedron, from.multipliers, reach) + roundingOf(polyhedron, multipliers, reach)
    const { pull, point, value } = next
    return { multipliers, pull, point, value, doubt: from.doubt + added }
  }
  // As q is concave, it rises up to `low` and falls from `high` on.
  let [low, slopeLow] = [0, slope]
  let [high, slopeHigh] = [Number.POSITIVE_INFINITY, 0]
  let best: ReturnType<typeof at> | undefined
  let step = Math.min(first, farthest)
  for (let probe = 0; probe < mostProbes; probe++) {
    const next = at(step)
    const left = rise - dot(change, next.point.d)
    const hasRisen = next.value >= from.value + leastShare * step * slope - rounding * Math.abs(from.value)
    const isLast = step === farthest || next.value >= objective.limit
    if (hasRisen && left >= -flatEnough * slope && (left <= flatEnough * slope || isLast)) return taken(step, next)
    if (left > 0) [low, slopeLow, best] = [step, left, next]
    else [high, slopeHigh] = [step, left]
    if (high === Number.POSITIVE_INFINITY) step = Math.min(farther * step, farthest)
    else {
      const share = slopeLow / (slopeLow - slopeHigh)
      step = low + Math.min(Math.max(share, 0.1), 0.9) * (high - low)
    }
  }
  return best && taken(low, best)
}
