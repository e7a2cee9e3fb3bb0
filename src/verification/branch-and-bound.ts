import { boundWithinHalfSpaces } from '../bounds/half-spaces.js'
import { Refinement, samplesPerRun } from '../bounds/refinement.js'
import type { RowBounds } from '../bounds/row-bounds.js'
import type { Rows } from '../bounds/rows.js'
import type { Budget } from '../budget.js'
import { elementCount } from '../graph/graph.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { isApart, isPositiveOn, magnitude } from './balls-and-boxes.js'
import { between, halve, joinBoxes } from './boxes.js'
import type { Inquiry, Part } from './inquiry.js'
import { canSplitUnits } from './unit-parts.js'
import { splitUnits } from './unit-splitting.js'

// More features than this would have to be halved too often.
const mostFeatures = 16
// Boxes that are bounded together. Few features make small models.
const [mostParts, mostSplits] = [256, 32]
// Steps of the lower slopes: where boxes are many, one; where there is no other way, as many as alphaCrown takes.
const [stepsOfMany, stepsOfOne, cuts] = [1, 10, 2]

/** A part that could not be excluded, and where its rows may be smallest. */
interface Rest {
  readonly part: Part
  /** Coefficients of linear functions of the input that its rows are nowhere below. */
  readonly coefficients: readonly Float32Array[]
}

/** Proposes counterexamples for the questions of some parts. */
export type Search = (parts: readonly Part[]) => Promise<void>

/**
 * Answers questions: linear relaxation excludes what it can, a search looks for counterexamples among the rest. What is
 * left is halved until it is decided where the input has few features (Bunel et al., "Branch and bound for piecewise
 * linear neural network verification", JMLR 2020); with many, or in a ball that is no box, it is bounded with optimised slopes and
 * cuts, and then units are split.
 * Returns how many boxes it bounded. A question is given up when that many of its boxes were halved: where logits are equal
 * everywhere, or no bound holds, only the budget would end it.
 */
export async function branchAndBound(
  inquiry: Inquiry,
  search: Search,
  budget: Budget,
  mostBoxes = Number.POSITIVE_INFINITY,
): Promise<number> {
  let boxes = 0
  const bound = async (
    parts: readonly Part[],
    most: number,
    boundParts: (parts: readonly Part[]) => Promise<Rest[]>,
  ) => {
    const rest: Rest[] = []
    for (const group of batches(range(parts.length), most)) {
      const together = group.map((index) => parts[index])
      boxes += together.length
      rest.push(...(await boundParts(together)))
    }
    return rest
  }
  const boundWhole = (parts: readonly Part[]) => boundOnce(inquiry, parts, inquiry.refinementOf(parts, budget))
  const boundBoxes = (parts: readonly Part[]) =>
    boundOnce(inquiry, parts, Refinement.over(inquiry.model, joinBoxes(parts), budget))
  const { model, questions } = inquiry
  const hasFewFeatures = elementCount(model.featureShape) <= mostFeatures
  // It takes many boxes to tell a round ball from what is around it.
  const splitsUnits = !hasFewFeatures || (questions.some(({ ball }) => ball) && canSplitUnits(model.graph))
  const most = hasFewFeatures ? mostParts : samplesPerRun(model)
  const first = await bound(inquiry.whole, most, boundWhole)
  const undecided = first.map(({ part }) => part)
  await search(undecided)
  if (splitsUnits) {
    const boundWell = (parts: readonly Part[]) => boundClosely(inquiry, parts, inquiry.refinementOf(parts, budget))
    const rest = await bound(inquiry.unanswered(undecided), most, boundWell)
    const left = rest.map(({ part }) => part)
    return boxes + (await splitUnits(inquiry, left, Math.min(most, mostSplits), budget))
  }

  const counts = new Map<number, number>()
  const isOver = ({ question }: Part) => (counts.get(question) ?? 0) > mostBoxes
  let stack = inquiry.unanswered(splitAll(inquiry, first))
  while (stack.length > 0 && (await budget.next())) {
    const taken = stack.splice(-mostParts)
    for (const { question } of taken) counts.set(question, (counts.get(question) ?? 0) + 1)
    const rest = await bound(taken, mostParts, boundBoxes)
    await tryPoints(inquiry, rest)
    const parts = [...stack, ...splitAll(inquiry, rest)]
    inquiry.leave(parts.filter(isOver))
    stack = inquiry.unanswered(parts.filter((part) => !isOver(part)))
  }
  inquiry.leave(stack)
  return boxes
}

/** By linear relaxation; parts that the budget does not reach remain. */
async function boundOnce(inquiry: Inquiry, parts: readonly Part[], refinement: Refinement): Promise<Rest[]> {
  const rows = rowsOf(inquiry, parts)
  return remaining(inquiry, parts, rows, await refinement.refineAndBound(rows, { ofLogits: stepsOfMany }))
}

/** As alphaCrown does. */
async function boundClosely(inquiry: Inquiry, parts: readonly Part[], refinement: Refinement): Promise<Rest[]> {
  const rows = rowsOf(inquiry, parts)
  await refinement.refine()
  const found = await refinement.refineAndBound(rows, { ofValues: stepsOfOne, ofLogits: stepsOfOne })
  const bounds = await boundWithinHalfSpaces(refinement, rows, found, { rounds: cuts, iterations: stepsOfOne })
  return remaining(inquiry, parts, rows, { ...found, bounds })
}

function remaining(inquiry: Inquiry, parts: readonly Part[], rows: Rows, { bounds, functions }: RowBounds): Rest[] {
  return parts.flatMap((part, sample) => {
    const { ball } = inquiry.questions[part.question]
    const functionOf = (row: number) => ({
      coefficients: rowOf(functions!.coefficients as Float32Array, part.lower.length, row),
      constant: functions!.constants[row],
    })
    const isPositive = (row: number) => {
      if (bounds[row] > 0) return true
      // What was bounded on a box may have more to say of the ball in it.
      if (!ball || !functions) return false
      const linear = functionOf(row)
      return isPositiveOn(linear, magnitude(linear, part), part, ball)
    }
    const own = range(bounds.length).filter((row) => rows.sample[row] === sample)
    const positive = new Set(own.filter(isPositive))
    const open = inquiry.without(
      part,
      [...positive].map((row) => ({ plus: rows.plus[row], minus: rows.minus[row] })),
    )
    if (!open) return []
    const left = own.filter((row) => !positive.has(row) && functions)
    return [{ part: open, coefficients: left.map((row) => functionOf(row).coefficients) }]
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
    const { ball } = inquiry.questions[part.question]
    return halves.filter((half) => !ball || !isApart(ball, half)).map((half) => ({ ...part, ...half }))
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
