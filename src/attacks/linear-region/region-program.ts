import { displacementToHyperplane } from '../../geometry/hyperplane.js'
import { lengthOf, type Norm } from '../../geometry/norm.js'
import type { Face, LinearRegions, Question } from '../../regions/linear-regions.js'
import { closestInPolyhedron } from '../../solvers/closest-in-polyhedron.js'
import { dot } from '../../solvers/dot.js'
import { type FirstRows, sizeOf, unit } from './first-rows.js'
import type { Search } from './side-by-side.js'
import { dotOfSingle } from './vectors.js'

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
const rowsAtATime = 30
const mostRounds = 12
// Of a displacement: what float32 logits cannot tell from being on the face.
const missTolerance = 1e-6
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
  { regions, firstRows, norm, sample }: RegionProgram,
  region: Region,
  boundaries: readonly Face[],
  limit: number,
): Search<Question, Float32Array, Solution | undefined> {
  const { point, entries } = region
  const n = point.length
  const there = new Float64Array(n)
  for (let feature = 0; feature < n; feature++) there[feature] = point[feature] - sample.origin[feature]
  // The farthest that a displacement of interest goes along a unit normal.
  const reach = norm === 'linf' ? limit * Math.sqrt(n) : limit
  /** Undefined for faces with other offsets than wanted, and for what no displacement moves. */
  const rowsOf = function* (
    wanted: readonly Face[],
    isWanted: (offset: number, index: number) => boolean,
  ): Search<Question, Float32Array, (Row | undefined)[]> {
    const asked = wanted.filter((face) => !isKnown(face))
    const [gradients] = asked.length === 0 ? [] : yield [{ about: 'rows', point, faces: asked }]
    let next = 0
    return wanted.map((face, index) => {
      if (firstRows && isFirst(face, firstRows)) {
        return firstRow(face, firstRows, sample.entries, (offset) => isWanted(offset, index))
      }
      const gradient = gradients.subarray(next * n, ++next * n)
      return rowOf(gradient, there, differenceOf(face, entries), (offset) => isWanted(offset, index))
    })
  }
  const canMatter = (offset: number) => offset > -reach
  const faces = regions.faces(entries)
  const isSmall = faces.length <= fewFaces
  const isKnown = (face: Face) => firstRows !== undefined && isFirst(face, firstRows)
  const atOnce = isSmall ? faces.filter(isKnown) : []
  const rows = yield* rowsOf([...boundaries, ...atOnce], (offset, index) =>
    index < boundaries.length ? offset <= reach : canMatter(offset),
  )
  let within = rows.slice(boundaries.length).filter((row) => row !== undefined)
  if (within.some(({ offset }) => offset > reach)) return undefined
  let shortest = limit
  const solve = ({ boundary, multipliers }: Attempt): Attempt[] => {
    const all = [boundary, ...within]
    const polyhedron = {
      rows: all.map(({ normal }) => normal),
      offsets: Float64Array.from(all, ({ offset }) => offset),
      lower: sample.lower,
      upper: sample.upper,
    }
    const found = closestInPolyhedron(norm, polyhedron, shortest, multipliers)
    if (found.status !== 'solved') return []
    return [{ boundary, displacement: found.d, multipliers: found.multipliers }]
  }
  let best: Solution | undefined
  const keep = ({ boundary, displacement, multipliers }: Attempt) => {
    const length = lengthOf(norm, displacement)
    if (length >= shortest) return
    const held = within.filter((_, face) => multipliers[face + 1] > 0)
    const others = within.filter((_, face) => multipliers[face + 1] === 0)
    best = { displacement, length, active: [boundary, ...held].map(({ normal }) => normal), others }
    shortest = length
  }
  // The boundary alone is often too far away.
  const alone = function* (): Iterable<Attempt> {
    const own = rows.slice(0, boundaries.length).filter((row) => row !== undefined)
    // In ℓ2 no displacement beyond a boundary is shorter than its offset, so that the nearest may come first.
    for (const boundary of own.sort((left, right) => left.offset - right.offset)) {
      if (norm === 'l2' && boundary.offset >= shortest) return
      const displacement = nearestBeyond(norm, boundary, sample)
      if (!displacement || lengthOf(norm, displacement) >= shortest) continue
      yield { boundary, displacement, multipliers: Float64Array.of(Math.max(boundary.offset, 0)) }
    }
  }
  if (isSmall) {
    const rest = faces.filter((face) => !isKnown(face))
    if (rest.length === 0) {
      for (const attempt of alone()) solve(attempt).forEach(keep)
      return best
    }
    // Most regions have nothing of interest, which the rows at hand tell already.
    const open = [...alone()].flatMap(solve)
    if (open.length === 0) return undefined
    const added = yield* rowsOf(rest, canMatter)
    within = [...within, ...added.filter((row) => row !== undefined)]
    if (within.some(({ offset }) => offset > reach)) return undefined
    for (const attempt of open) solve(attempt).forEach(keep)
    return best
  }
  const taken = new Set<Face>()
  // One after the other: what is found beyond one boundary spares most of the work for those farther away.
  for (const attempt of alone()) {
    let [open] = within.length === 0 ? [attempt] : solve(attempt)
    for (let round = 0; round < mostRounds && open; round++) {
      const { displacement } = open
      const tangent = Float32Array.from(displacement, (step, feature) => step - there[feature])
      const [images] = yield [{ about: 'images', point, tangent }]
      const missed = missedFaces(faces, taken, entries, images)
      if (missed.length === 0) {
        keep(open)
        break
      }
      for (const face of missed) taken.add(face)
      const added = yield* rowsOf(missed, canMatter)
      within = [...within, ...added.filter((row) => row !== undefined)]
      ;[open] = solve(open)
    }
  }
  return best
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

/** The faces that a displacement is most beyond, besides those taken. */
function missedFaces(
  faces: readonly Face[],
  taken: ReadonlySet<Face>,
  entries: Float32Array,
  images: Float32Array,
): Face[] {
  const missed: { face: Face; by: number }[] = []
  for (const face of faces) {
    const [before, change] = [differenceOf(face, entries), differenceOf(face, images)]
    const by = -(before + change)
    if (by > missTolerance * (Math.abs(before) + Math.abs(change)) && !taken.has(face)) missed.push({ face, by })
  }
  missed.sort((left, right) => right.by - left.by)
  return missed.slice(0, rowsAtATime).map(({ face }) => face)
}

function isFirst({ plus, minus }: Face, rows: FirstRows): boolean {
  return Math.max(plus, minus) < rows.length && Math.min(plus, minus) < 0
}

function firstRow(
  { plus, minus }: Face,
  rows: FirstRows,
  atOrigin: Float32Array,
  isWanted: (offset: number) => boolean,
): Row | undefined {
  const entry = Math.max(plus, minus)
  const direction = rows[entry]
  if (!direction) return undefined
  const isPositive = plus >= 0
  const offset = (isPositive ? -1 : 1) * (atOrigin[entry] / direction.size)
  if (!isWanted(offset)) return undefined
  return { normal: isPositive ? direction.normal : direction.opposite, offset }
}

function rowOf(
  gradient: Float32Array,
  there: Float64Array,
  difference: number,
  isWanted: (offset: number) => boolean,
): Row | undefined {
  const size = sizeOf(gradient)
  if (!(size > 0)) return undefined
  const offset = (dotOfSingle(gradient, there) - difference) / size
  return isWanted(offset) ? { normal: unit(gradient, size), offset } : undefined
}

function differenceOf({ plus, minus }: Face, entries: Float32Array): number {
  return (plus < 0 ? 0 : entries[plus]) - (minus < 0 ? 0 : entries[minus])
}
