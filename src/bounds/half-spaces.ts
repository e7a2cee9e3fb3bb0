import { leastPositive } from '../geometry/float32.js'
import { batches, range } from '../sampling/rows.js'
import type { Refinement } from './refinement.js'
import type { LinearFunctions, RowBounds } from './row-bounds.js'
import type { Rows } from './rows.js'

/**
 * A bound for a row of which only its sign is known, from a positive bound within its half-space: less than the least
 * positive number, as a proof by contradiction says no more of a difference of logits. It grows with that, so
 * that searches see how far away a failure is; {@link withinHalfSpace} has it back.
 */
function positiveOnly(bound: number): number {
  return (leastPositive * bound) / (1 + bound)
}

/** The bound within a half-space that led to so small a positive bound of the row; undefined for larger ones. */
export function withinHalfSpace(margin: number): number | undefined {
  return margin > 0 && margin < leastPositive ? margin / (leastPositive - margin) : undefined
}

/** A row that is not known to be positive, and its sample in the refinement at hand. */
interface OpenRow {
  readonly row: number
  readonly sample: number
}

/** How to bound rows again. */
interface Cutting {
  readonly rounds: number
  /** Whether only intermediate bounds of what is linear in the input are computed anew. Default false. */
  readonly firstLayerOnly?: boolean
  /** Steps of the lower lines. Default 0. */
  readonly iterations?: number
}

/**
 * Bounds once more, `rounds` times, the rows that are not known to be positive: only over the inputs that their own
 * linear functions do not rule out. Where a row is below zero, its function is as well; if the row is positive on that
 * half-space, it is so everywhere. Near the largest certified radius little more than a corner of the ball is left.
 * (Intermediate bounds under output constraints: Kotha, Brix, Kolter, Dvijotham and Zhang, "Provably bounding neural
 * network preimages", NeurIPS 2023.)
 */
export async function boundWithinHalfSpaces(
  refinement: Refinement,
  rows: Rows,
  { bounds, functions }: RowBounds,
  { rounds, firstLayerOnly = false, iterations = 0 }: Cutting,
): Promise<Float64Array> {
  // float64: what is positive may be less than any positive float32 number.
  const best = new Float64Array(bounds)
  const cut = async (whole: Refinement, open: readonly OpenRow[], known: LinearFunctions, round: number) => {
    for (const places of batches(worthwhile(whole, open, rows, best, known), whole.mostSamples)) {
      const part = whole.within(
        places.map((place) => open[place].sample),
        selected(known, places),
      )
      const openHere = places.map((place, sample) => ({ row: open[place].row, sample }))
      await part.refineCut(firstLayerOnly)
      const found = await part.boundLogits(selectedRows(rows, openHere), iterations)
      openHere.forEach(({ row, sample }) => {
        const bound = found.bounds[sample]
        if (Number.isFinite(bound)) best[row] = Math.max(best[row], bound > 0 ? positiveOnly(bound) : bound)
      })
      if (round < rounds && found.functions) await cut(part, openHere, found.functions, round + 1)
    }
  }
  const open = range(best.length).filter((row) => !(best[row] > 0))
  if (rounds === 0 || !functions || open.length === 0) return best
  await cut(
    refinement,
    open.map((row) => ({ row, sample: rows.sample[row] })),
    selected(functions, open),
    1,
  )
  return best
}

/**
 * The places in `open` of rows of samples all of whose open rows rule out the centre of their ball: farther away, most of
 * the ball is left; and of samples with a hopeless row nothing is certified.
 */
function worthwhile(
  refinement: Refinement,
  open: readonly OpenRow[],
  rows: Rows,
  best: Float64Array,
  functions: LinearFunctions,
): number[] {
  const places = range(open.length).filter((place) => !(best[open[place].row] > 0))
  const samples = places.map((place) => open[place].sample)
  const centres = refinement.atCentres(samples, selected(functions, places))
  const isHopeless = (place: number, index: number) => !(centres[index] > -best[open[place].row])
  const hopeless = new Set(places.filter(isHopeless).map((place) => rows.sample[open[place].row]))
  return places.filter((place) => !hopeless.has(rows.sample[open[place].row]))
}

function selectedRows(rows: Rows, open: readonly OpenRow[]): Rows {
  return {
    sample: Int32Array.from(open, ({ sample }) => sample),
    plus: Int32Array.from(open, ({ row }) => rows.plus[row]),
    minus: Int32Array.from(open, ({ row }) => rows.minus[row]),
  }
}

function selected({ coefficients, constants }: LinearFunctions, places: readonly number[]): LinearFunctions {
  const size = coefficients.length / constants.length
  const rows = places.map((place) => coefficients.subarray(place * size, (place + 1) * size))
  const joined = coefficients.slice(0, places.length * size)
  rows.forEach((row, index) => {
    joined.set(row, index * size)
  })
  return {
    coefficients: joined,
    constants: constants.slice(0, places.length).map((_, index) => constants[places[index]]),
  }
}
