import type { Face, LinearRegions, Question } from '../../regions/linear-regions.js'
import { closestInPolyhedron } from '../../solvers/closest-in-polyhedron.js'
import type { Polyhedron } from '../../solvers/dual-newton.js'
import { checkGradients } from '../iteration/check-gradients.js'
import type { Search } from './side-by-side.js'

/** One sample and where its perturbations may lead. */
export interface Sample {
  readonly origin: Float32Array
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
}

export interface RegionProgram {
  readonly regions: LinearRegions
  readonly norm: 'linf' | 'l2' | 'l1'
  readonly sample: Sample
}

// Networks with no more faces get all rows at once; of others, the most violated rows at a time.
const fewFaces = 200
const rowsAtATime = 30
const mostRounds = 12
// Of a displacement: what float32 logits cannot tell from being on the face.
const missTolerance = 1e-6

/** gradient · displacement ≥ offset · size, where size is the length of the gradient. */
interface Row {
  readonly gradient: Float32Array
  readonly size: number
  readonly offset: number
}

/**
 * Problem (2) of the paper: the smallest displacement that stays in the domain and in the region and is beyond one of the
 * decision boundaries; undefined when none is shorter than `limit`. In regions with many faces, those that solutions
 * violate are added until none is.
 */
export function* solveRegion(
  { regions, norm, sample }: RegionProgram,
  region: Region,
  boundaries: readonly Face[],
  limit: number,
): Search<Question, Float32Array, Solution | undefined> {
  const { point, entries } = region
  const n = point.length
  const there = new Float64Array(n)
  for (let feature = 0; feature < n; feature++) there[feature] = point[feature] - sample.origin[feature]
  const rowsOf = function* (wanted: readonly Face[]): Search<Question, Float32Array, (Row | undefined)[]> {
    const [gradients] = yield [{ about: 'rows', point, faces: wanted }]
    return wanted.map((face, row) =>
      rowOf(gradients.subarray(row * n, (row + 1) * n), there, differenceOf(face, entries)),
    )
  }
  // The farthest that a displacement of interest goes along a unit normal.
  const reach = norm === 'linf' ? limit * Math.sqrt(n) : limit
  const faces = regions.faces(entries)
  const isSmall = faces.length <= fewFaces
  const rows = yield* rowsOf(isSmall ? [...boundaries, ...faces] : boundaries)
  const canMatter = (row: Row | undefined) => row !== undefined && row.offset > -reach
  let polyhedron = polyhedronOf(rows.slice(boundaries.length).filter((row) => canMatter(row)) as Row[], sample)
  let shortest = limit
  const solve = (boundary: Row, among: Polyhedron, multipliers?: Float64Array): Attempt | undefined => {
    setRow(among, 0, boundary)
    const { status, d, multipliers: found } = closestInPolyhedron(norm, among, shortest, multipliers)
    return status === 'solved' ? { boundary, displacement: d, multipliers: found } : undefined
  }
  let best: Solution | undefined
  const solutionOf = ({ boundary, displacement, multipliers }: Attempt): Solution => {
    setRow(polyhedron, 0, boundary)
    const held = [...multipliers.keys()].filter((row) => row === 0 || multipliers[row] > 0)
    return {
      displacement,
      length: lengthOf(norm, displacement),
      active: held.map((row) => polyhedron.rows.slice(row * n, (row + 1) * n)),
    }
  }
  // The boundary alone is often too far away.
  const alone = polyhedronOf([], sample)
  let open = rows
    .slice(0, boundaries.length)
    .flatMap((boundary) => (boundary ? [solve(boundary, alone)] : []))
    .filter((attempt) => attempt !== undefined)
  const keep = (attempt: Attempt | undefined) => {
    const solution = attempt && solutionOf(attempt)
    if (!solution || solution.length >= shortest) return
    best = solution
    shortest = solution.length
  }
  if (isSmall) {
    open.sort((left, right) => lengthOf(norm, left.displacement) - lengthOf(norm, right.displacement))
    for (const { boundary, displacement } of open) {
      if (lengthOf(norm, displacement) < shortest) keep(solve(boundary, polyhedron))
    }
    return best
  }
  const taken = new Set<Face>()
  for (let round = 0; round < mostRounds && open.length > 0; round++) {
    const images = yield open.map(({ displacement }) => ({
      about: 'images',
      point,
      tangent: Float32Array.from(displacement, (step, feature) => step - there[feature]),
    }))
    const missed = open.map((_, index) => missedFaces(faces, taken, entries, images[index]))
    open.filter((_, index) => missed[index].length === 0).forEach(keep)
    open = open.filter((_, index) => missed[index].length > 0)
    const wanted = [...new Set(missed.flat())]
    if (wanted.length === 0) break
    for (const face of wanted) taken.add(face)
    const added = (yield* rowsOf(wanted)).filter((row) => row !== undefined)
    polyhedron = polyhedronOf(added, sample, polyhedron)
    open = open.flatMap(({ boundary, multipliers }) => solve(boundary, polyhedron, multipliers) ?? [])
  }
  return best
}

interface Attempt {
  readonly boundary: Row
  readonly displacement: Float64Array
  readonly multipliers: Float64Array
}

/** The rows, after those of another polyhedron; the first row is left open for a boundary. */
function polyhedronOf(added: readonly Row[], { lower, upper }: Sample, before?: Polyhedron): Polyhedron {
  const first = before?.offsets.length ?? 1
  const rows = new Float64Array((first + added.length) * lower.length)
  const offsets = new Float64Array(first + added.length)
  if (before) {
    rows.set(before.rows)
    offsets.set(before.offsets)
  }
  const polyhedron = { rows, offsets, lower, upper }
  added.forEach((row, index) => setRow(polyhedron, first + index, row))
  return polyhedron
}

function setRow({ rows, offsets }: Polyhedron, position: number, { gradient, size, offset }: Row): void {
  const first = position * gradient.length
  for (let feature = 0; feature < gradient.length; feature++) rows[first + feature] = gradient[feature] / size
  offsets[position] = offset
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

/** Undefined where the entries do not depend on the input. */
function rowOf(gradient: Float32Array, there: Float64Array, difference: number): Row | undefined {
  let squares = 0
  let product = 0
  for (let feature = 0; feature < gradient.length; feature++) {
    const derivative = gradient[feature]
    squares += derivative * derivative
    product += derivative * there[feature]
  }
  if (!Number.isFinite(squares)) checkGradients(gradient)
  if (!(squares > 0)) return undefined
  const size = Math.sqrt(squares)
  return { gradient, size, offset: (product - difference) / size }
}

function differenceOf({ plus, minus }: Face, entries: Float32Array): number {
  return (plus < 0 ? 0 : entries[plus]) - (minus < 0 ? 0 : entries[minus])
}

export function lengthOf(norm: 'linf' | 'l2' | 'l1', displacement: Float64Array): number {
  let [sum, largest] = [0, 0]
  for (const step of displacement) {
    sum += norm === 'l2' ? step ** 2 : Math.abs(step)
    largest = Math.max(largest, Math.abs(step))
  }
  return norm === 'linf' ? largest : norm === 'l2' ? Math.sqrt(sum) : sum
}
