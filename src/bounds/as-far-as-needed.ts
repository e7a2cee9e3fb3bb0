import { boundWithinHalfSpaces, type Cutting } from './half-spaces.js'
import type { Refinement } from './refinement.js'
import { chosenRows, type Rows } from './rows.js'

/** Rows of which a bound keeps this part of what they are at the sample are far from zero, for searches of radii too. */
const telling = 0.4

/**
 * Lower bounds of rows of logits: by CROWN-IBP; of those that it leaves near zero or below it, next to what they are at the
 * samples, whose logits are given, by CROWN; and of those that are not positive then, within half-spaces. Samples that are far
 * from their largest certified radius take the first step alone.
 */
export async function boundAsFarAsNeeded(
  refinement: Refinement,
  rows: Rows,
  logits: Float32Array,
  cutting: Cutting,
): Promise<Float64Array> {
  const quick = await refinement.boundOverIntervals(rows)
  // float64: what is positive may be less than any positive float32 number.
  const bounds = new Float64Array(quick.bounds)
  const classes = logits.length / refinement.count
  const near = rows.sample
    .map((_, row) => row)
    .filter((row) => {
      const first = rows.sample[row] * classes
      const atSample = logits[first + rows.plus[row]] - logits[first + rows.minus[row]]
      return !(bounds[row] > 0 && bounds[row] >= telling * atSample)
    })
  if (near.length === 0) return bounds
  const samples = [...new Set(near.map((row) => rows.sample[row]))]
  const placeOf = new Map(samples.map((sample, place) => [sample, place]))
  const chosen = Array.from(near, (row) => ({ row, sample: placeOf.get(rows.sample[row])! }))
  const theirs = chosenRows(rows, chosen)
  const part = refinement.part(samples)
  const found = await boundWithinHalfSpaces(part, theirs, await part.refineAndBound(theirs), cutting)
  near.forEach((row, index) => {
    bounds[row] = Math.max(bounds[row], found[index])
  })
  return bounds
}
