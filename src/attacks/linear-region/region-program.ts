import { displacementToHyperplane } from '../../geometry/hyperplane.js'
import { lengthOf, type Norm } from '../../geometry/norm.js'
import type { Face, LinearRegions, Question } from '../../regions/linear-regions.js'
import { closestInPolyhedron } from '../../solvers/closest-in-polyhedron.js'
import { dot } from '../../solvers/dot.js'
import { FaceRows } from './face-rows.js'
import type { FirstRows } from './first-rows.js'
import type { Search } from './side-by-side.js'

/** One sample and where its perturbations may lead. */
export interface Sample {
  readonly origin: Float32Array
  /** The entries there. */
  readonly entries: Float32Array
  /** Displacements that stay in the domain. */
  readonly lower: Float64Array
  readonly upper: Float64Array
}

/** A region of the model, by one of its points. */
export interface Region {
  readonly point: Float32Array
  readonly entries: Float32Array
}

/** The smallest displacement of a sample within a region and beyond the decision boundary. */
export interface Solution {
  readonly displacement: Float64Array
  readonly length: number
  /** Unit normals of the faces that hold it back, pointing into the region; the first is the decision boundary. */
  readonly active: readonly Float64Array[]
  /** The faces that do not, as far as the program has met them. */
  readonly others: readonly Row[]
}

export interface RegionProgram {
  readonly regions: LinearRegions
  /** Undefined where they are asked for in each region. */
  readonly firstRows: FirstRows | undefined
  readonly norm: Norm
  readonly sample: Sample
}

// Networks with no more faces get all rows at once; of others, the most violated rows at a time.
const fewFaces = 200
const mostRounds = 12
// Of an offset: what rounding may miss it by.
const rounding = 1e-9

/** normal · displacement ≥ offset, with a normal of unit length. */
export interface Row {
  readonly normal: Float64Array
  readonly offset: number
}

/** The nearest displacement beyond a boundary and within some faces; the first multiplier is that of the boundary. */
interface Attempt {
  readonly boundary: Row
  readonly displacement: Float64Array
  readonly multipliers: Float64Array
}

/**
 * Problem (2) of the paper: the smallest displacement that stays in the domain and in the region and is beyond one of the
 * decision boundaries; undefined when none is shorter than `limit`. In regions with many faces, those that solutions
 * violate are added until none is.
 */
export function* solveRegion(
  program: RegionProgram,
  region: Region,
  boundaries: readonly Face[],
  limit: number,
): Search<Question, Float32Array, Solution | undefined> {
  const { regions, firstRows, norm, sample } = program
  // The farthest that a displacement of interest goes along a unit normal.
  const reach = norm === 'linf' ? limit * Math.sqrt(region.point.length) : limit
  const faceRows = new FaceRows(regions, firstRows, sample, region)
  const isSmall = faceRows.all.length <= fewFaces
  const atOnce = isSmall ? faceRows.all.filter((face) => faceRows.isKnown(face)) : []
  const rows = yield* faceRows.of([...boundaries, ...atOnce], (offset, index) =>
    index < boundaries.length ? offset <= reach : offset > -reach,
  )
  const beyond = rows.slice(0, boundaries.length).filter((row) => row !== undefined)
  const solver = new RegionSolver(program, reach, beyond, limit)
  if (!solver.add(rows.slice(boundaries.length))) return undefined
  yield* isSmall ? allFaces(solver, faceRows) : violatedFaces(solver, faceRows)
  return solver.best
}

/** All faces at once. */
function* allFaces(solver: RegionSolver, faceRows: FaceRows): Search<Question, Float32Array, void> {
  const rest = faceRows.all.filter((face) => !faceRows.isKnown(face))
  if (rest.length === 0) {
    for (const attempt of solver.alone()) solver.keep(solver.solve(attempt))
    return
  }
  // Most regions have nothing of interest, which the rows at hand tell already.
  const open = [...solver.alone()].map((attempt) => solver.solve(attempt)).filter((attempt) => attempt !== undefined)
  if (open.length === 0) return
  if (!solver.add(yield* faceRows.of(rest, (offset) => offset > -solver.reach))) return
  for (const attempt of open) solver.keep(solver.solve(attempt))
}

/** Those that are most violated, time after time. */
function* violatedFaces(solver: RegionSolver, faceRows: FaceRows): Search<Question, Float32Array, void> {
  const taken = new Set<Face>()
  // One after the other: what is found beyond one boundary spares most of the work for those farther away.
  for (const attempt of solver.alone()) {
    let open: Attempt | undefined = solver.hasFaces ? solver.solve(attempt) : attempt
    for (let round = 0; round < mostRounds && open; round++) {
      const missed = yield* faceRows.missedBy(open.displacement, taken)
      if (missed.length === 0) {
        solver.keep(open)
        break
      }
      for (const face of missed) taken.add(face)
      solver.add(yield* faceRows.of(missed, (offset) => offset > -solver.reach))
      open = solver.solve(open)
    }
  }
}

/** The program with the faces that are known so far, and the best of its solutions. */
class RegionSolver {
  readonly reach: number
  best: Solution | undefined
  readonly #program: RegionProgram
  /** Decision boundaries. */
  readonly #boundaries: Row[]
  #within: readonly Row[] = []
  #shortest: number

  constructor(program: RegionProgram, reach: number, boundaries: Row[], limit: number) {
    this.#program = program
    this.reach = reach
    this.#boundaries = boundaries
    this.#shortest = limit
  }

  get hasFaces(): boolean {
    return this.#within.length > 0
  }

  /** Adds faces. False where one of them leaves no displacement of interest. */
  add(rows: readonly (Row | undefined)[]): boolean {
    this.#within = [...this.#within, ...rows.filter((row) => row !== undefined)]
    return this.#within.every(({ offset }) => offset <= this.reach)
  }

  /** The boundaries alone, which are often too far away. */
  *alone(): Iterable<Attempt> {
    const { norm, sample } = this.#program
    // In ℓ2 no displacement beyond a boundary is shorter than its offset, so that the nearest may come first.
    for (const boundary of this.#boundaries.sort((left, right) => left.offset - right.offset)) {
      if (norm === 'l2' && boundary.offset >= this.#shortest) return
      const displacement = nearestBeyond(norm, boundary, sample)
      if (!displacement || lengthOf(norm, displacement) >= this.#shortest) continue
      yield { boundary, displacement, multipliers: Float64Array.of(Math.max(boundary.offset, 0)) }
    }
  }

  /** Undefined where no solution is shorter than the best one. */
  solve({ boundary, multipliers }: Attempt): Attempt | undefined {
    const { norm, sample } = this.#program
    const all = [boundary, ...this.#within]
    const polyhedron = {
      rows: all.map(({ normal }) => normal),
      offsets: Float64Array.from(all, ({ offset }) => offset),
      lower: sample.lower,
      upper: sample.upper,
    }
    const found = closestInPolyhedron(norm, polyhedron, this.#shortest, multipliers)
    if (found.status !== 'solved') return undefined
    return { boundary, displacement: found.d, multipliers: found.multipliers }
  }

  keep(attempt: Attempt | undefined): void {
    if (!attempt) return
    const { boundary, displacement, multipliers } = attempt
    const length = lengthOf(this.#program.norm, displacement)
    if (length >= this.#shortest) return
    const held = this.#within.filter((_, face) => multipliers[face + 1] > 0)
    const others = this.#within.filter((_, face) => multipliers[face + 1] === 0)
    this.best = { displacement, length, active: [boundary, ...held].map(({ normal }) => normal), others }
    this.#shortest = length
  }
}

// Zeros.
let origin = new Float64Array(0)

/** The smallest displacement beyond one boundary, whatever region it leads to; undefined where the domain has none. */
export function nearestBeyond(
  norm: Norm,
  { normal, offset }: Row,
  room: Pick<Sample, 'lower' | 'upper'>,
): Float64Array | undefined {
  if (origin.length !== normal.length) origin = new Float64Array(normal.length)
  if (offset <= 0) return origin.slice()
  const displacement = displacementToHyperplane(norm, origin, { normal, offset }, room)
  return dot(displacement, normal) >= offset * (1 - rounding) ? displacement : undefined
}
