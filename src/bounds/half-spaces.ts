import { leastPositive } from '../geometry/float32.js'
import { batches } from '../sampling/rows.js'
import type { Refinement } from './refinement.js'
import type { LinearFunctions, RowBounds } from './row-bounds.js'
import { chosenRows, type Rows } from './rows.js'

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

/** A row that may not be known to be positive, its sample in the refinement at hand, and its place among the functions there. */
interface OpenRow {
  readonly row: number
  readonly sample: number
  readonly place: number
}

/** How to bound rows again. */
export interface Cutting {
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
    for (const those of batches(worthwhile(whole, open, rows, best, known), whole.mostSamples)) {
      const part = whole.within(
        those.map(({ sample }) => sample),
        selected(known, those),
      )
      const openHere = those.map(({ row }, index) => ({ row, sample: index, place: index }))
      const found = await part.boundCut(chosenRows(rows, openHere), firstLayerOnly, iterations)
      openHere.forEach(({ row, place }) => {
        const bound = found.bounds[place]
        if (Number.isFinite(bound)) best[row] = Math.max(best[row], bound > 0 ? positiveOnly(bound) : bound)
      })
      if (round < rounds && found.functions) await cut(part, openHere, found.functions, round + 1)
    }
  }
  if (rounds === 0 || !functions) return best
  const all = Array.from(rows.sample, (sample, row) => ({ row, sample, place: row }))
  await cut(refinement, all, functions, 1)
  return best
}

/**
 * The open rows of samples all of whose open rows rule out the centre of their ball: farther away, most of the ball is left;
 * and of samples with a hopeless row nothing is certified.
 */
function worthwhile(
  refinement: Refinement,
  open: readonly OpenRow[],
  rows: Rows,
  best: Float64Array,
  functions: LinearFunctions,
): OpenRow[] {
  const still = open.filter(({ row }) => !(best[row] > 0))
  const isHopeless = ({ row, sample, place }: OpenRow) => !(refinement.atCentre(sample, functions, place) > -best[row])
  const hopeless = new Set(still.filter(isHopeless).map(({ row }) => rows.sample[row]))
  return still.filter(({ row }) => !hopeless.has(rows.sample[row]))
}

function selected({ coefficients, constants }: LinearFunctions, open: readonly OpenRow[]): LinearFunctions {
  const size = coefficients.length / constants.length
  // Of the same type as the coefficients are.
  const [chosen, ofThose] = [coefficients.slice(0, open.length * size), constants.slice(0, open.length)]
  open.forEach(({ place }, index) => {
    chosen.set(coefficients.subarray(place * size, (place + 1) * size), index * size)
    ofThose[index] = constants[place]
  })
  return { coefficients: chosen, constants: ofThose }
}
