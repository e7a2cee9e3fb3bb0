import type { Face, LinearRegions, Question } from '../../regions/linear-regions.js'
import { type FirstRows, sizeOf, unit } from './first-rows.js'
import type { Region, Row, Sample } from './region-program.js'
import type { Search } from './side-by-side.js'
import { dotOfSingle, plus } from './vectors.js'

// Of a displacement: what float32 logits cannot tell from being on the face.
const missTolerance = 1e-6
// The most violated rows are asked for together.
const rowsAtATime = 30

/** The faces of a region as half-spaces of a sample's displacements. */
export class FaceRows {
  /** The displacement to the region's point. */
  readonly #there: Float64Array
  readonly all: readonly Face[]
  readonly #region: Region
  readonly #sample: Sample
  readonly #firstRows: FirstRows | undefined

  constructor(regions: LinearRegions, firstRows: FirstRows | undefined, sample: Sample, region: Region) {
    this.#there = plus(region.point, sample.origin, -1)
    this.all = regions.faces(region.entries)
    this.#region = region
    this.#sample = sample
    this.#firstRows = firstRows
  }

  /** Whether the gradient of a face is at hand. */
  isKnown({ plus, minus }: Face): boolean {
    const rows = this.#firstRows
    return rows !== undefined && Math.max(plus, minus) < rows.length && Math.min(plus, minus) < 0
  }

  /** Undefined for faces with other offsets than wanted, and for what no displacement moves. */
  *of(
    faces: readonly Face[],
    isWanted: (offset: number, index: number) => boolean,
  ): Search<Question, Float32Array, (Row | undefined)[]> {
    const { point, entries } = this.#region
    const n = point.length
    const asked = faces.filter((face) => !this.isKnown(face))
    const [gradients] = asked.length === 0 ? [] : yield [{ about: 'rows', point, faces: asked }]
    let next = 0
    return faces.map((face, index) => {
      const isWantedHere = (offset: number) => isWanted(offset, index)
      if (this.isKnown(face)) return firstRow(face, this.#firstRows!, this.#sample.entries, isWantedHere)
      const gradient = gradients.subarray(next * n, ++next * n)
      return rowOf(gradient, this.#there, differenceOf(face, entries), isWantedHere)
    })
  }

  /** The faces that a displacement is most beyond, besides those taken. */
  *missedBy(displacement: Float64Array, taken: ReadonlySet<Face>): Search<Question, Float32Array, Face[]> {
    const { point, entries } = this.#region
    const tangent = Float32Array.from(displacement, (step, feature) => step - this.#there[feature])
    const [images] = yield [{ about: 'images', point, tangent }]
    const missed: { face: Face; by: number }[] = []
    for (const face of this.all) {
      const [before, change] = [differenceOf(face, entries), differenceOf(face, images)]
      const by = -(before + change)
      if (by > missTolerance * (Math.abs(before) + Math.abs(change)) && !taken.has(face)) missed.push({ face, by })
    }
    missed.sort((left, right) => right.by - left.by)
    return missed.slice(0, rowsAtATime).map(({ face }) => face)
  }
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
