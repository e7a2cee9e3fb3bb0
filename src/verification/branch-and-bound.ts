import { boundWithinHalfSpaces } from '../bounds/half-spaces.js'
import { Refinement, samplesPerRun } from '../bounds/refinement.js'
import type { RowBounds } from '../bounds/row-bounds.js'
import type { Rows } from '../bounds/rows.js'
import type { Budget } from '../budget.js'
import { elementCount } from '../graph/graph.js'
import type { RandomSource } from '../sampling/random.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { between, halve, joinBoxes } from './boxes.js'
import { descend } from './descent.js'
import type { Inquiry, Part } from './inquiry.js'
import { splitUnits } from './unit-splitting.js'

// More features than this would have to be halved too often.
const mostFeatures = 16
// Boxes that are bounded together, and random starts of the descent. Few features make small models.
const [mostParts, mostSplits, starts] = [256, 32, 20]
// Steps of the lower slopes: where boxes are many, one; where there is no other way, as many as alphaCrown takes.
const [stepsOfMany, stepsOfOne, cuts] = [1, 10, 2]

/** A part that could not be excluded, and where its rows may be smallest. */
interface Rest {
  readonly part: Part
  /** Coefficients of linear functions of the input that its rows are nowhere below. */
  readonly coefficients: readonly Float32Array[]
}

/**
 * Answers questions: linear relaxation excludes what it can, a descent looks for counterexamples among the rest. What is
 * left is halved until it is decided where the input has few features (Bunel et al., "Branch and bound for piecewise
 * linear neural network verification", JMLR 2020); with many, it is bounded with optimised slopes and cuts, and then units
 * are split.
 * Returns how many boxes it bounded.
 */
export async function branchAndBound(inquiry: Inquiry, random: RandomSource, budget: Budget): Promise<number> {
  let boxes = 0
  const bound = async (parts: readonly Part[], most: number, boundParts: typeof boundOnce) => {
    const rest: Rest[] = []
    for (const group of batches(range(parts.length), most)) {
      const together = group.map((index) => parts[index])
      boxes += together.length
      rest.push(...(await boundParts(inquiry, together, budget)))
    }
    return rest
  }
  const isSmall = elementCount(inquiry.model.featureShape) <= mostFeatures
  const most = isSmall ? mostParts : samplesPerRun(inquiry.model)
  const first = await bound(inquiry.whole, most, boundOnce)
  const undecided = first.map(({ part }) => part)
  await descend(inquiry, undecided, starts, random, budget)
  if (!isSmall) {
    const rest = await bound(inquiry.unanswered(undecided), most, boundClosely)
    const left = rest.map(({ part }) => part)
    return boxes + (await splitUnits(inquiry, left, Math.min(most, mostSplits), budget))
  }

  let stack = inquiry.unanswered(splitAll(inquiry, first))
  while (stack.length > 0 && (await budget.next())) {
    const rest = await bound(stack.splice(-mostParts), mostParts, boundOnce)
    await tryPoints(inquiry, rest)
    stack = inquiry.unanswered([...stack, ...splitAll(inquiry, rest)])
  }
  inquiry.leave(stack)
  return boxes
}

/** By linear relaxation; parts that the budget does not reach remain. */
async function boundOnce(inquiry: Inquiry, parts: readonly Part[], budget: Budget): Promise<Rest[]> {
  const refinement = Refinement.over(inquiry.model, joinBoxes(parts), budget)
  await refinement.refine()
  const rows = rowsOf(inquiry, parts)
  return remaining(inquiry, parts, rows, await refinement.boundLogits(rows, stepsOfMany))
}

/** As alphaCrown does. */
async function boundClosely(inquiry: Inquiry, parts: readonly Part[], budget: Budget): Promise<Rest[]> {
  const refinement = Refinement.over(inquiry.model, joinBoxes(parts), budget)
  const rows = rowsOf(inquiry, parts)
  await refinement.refine()
  await refinement.refine(stepsOfOne)
  const found = await refinement.boundLogits(rows, stepsOfOne)
  const bounds = await boundWithinHalfSpaces(refinement, rows, found, stepsOfOne, cuts)
  return remaining(inquiry, parts, rows, { ...found, bounds })
}

function remaining(inquiry: Inquiry, parts: readonly Part[], rows: Rows, { bounds, functions }: RowBounds): Rest[] {
  return parts.flatMap((part, sample) => {
    const own = range(bounds.length).filter((row) => rows.sample[row] === sample)
    const positive = own
      .filter((row) => bounds[row] > 0)
      .map((row) => ({ plus: rows.plus[row], minus: rows.minus[row] }))
    const open = inquiry.without(part, positive)
    if (!open) return []
    const left = own.filter((row) => !(bounds[row] > 0) && functions)
    const coefficients = left.map((row) => rowOf(functions!.coefficients as Float32Array, part.lower.length, row))
    return [{ part: open, coefficients }]
  })
}

function rowsOf(inquiry: Inquiry, parts: readonly Part[]): Rows {
  const rows = parts.flatMap((part, sample) => inquiry.rowsOf(part).map((row) => ({ ...row, sample })))
  return {
    sample: Int32Array.from(rows, ({ sample }) => sample),
    plus: Int32Array.from(rows, ({ plus }) => plus),
    minus: Int32Array.from(rows, ({ minus }) => minus),
  }
}

function splitAll(inquiry: Inquiry, rest: readonly Rest[]): Part[] {
  return rest.flatMap(({ part, coefficients }) => {
    const halves = halve(part, coefficients)
    // A box without a number between its ends cannot be decided.
    if (halves.length === 0) inquiry.leave([part])
    return halves.map((half) => ({ ...part, ...half }))
  })
}

/** The middles of the boxes, and the corners where the linear functions are smallest. */
async function tryPoints(inquiry: Inquiry, rest: readonly Rest[]): Promise<void> {
  const points = rest.flatMap(({ part: { lower, upper, question }, coefficients }) => [
    { question, point: lower.map((low, feature) => between(low, upper[feature], 0.5)) },
    ...coefficients.map((row) => ({
      question,
      point: lower.map((low, feature) => (row[feature] > 0 ? low : upper[feature])),
    })),
  ])
  await inquiry.propose(
    points.map(({ point }) => point),
    points.map(({ question }) => question),
  )
}
