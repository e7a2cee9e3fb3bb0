import type { Budget } from '../budget.js'
import { range } from '../sampling/rows.js'
import { closestInPolyhedron } from '../solvers/closest-in-polyhedron.js'
import { isPositiveOn, magnitude, type RoundBall } from './balls-and-boxes.js'
import { type Box, between } from './boxes.js'
import type { Inquiry, Part } from './inquiry.js'
import type { Row } from './question.js'
import {
  BoundedParts,
  type Cut,
  canSplitUnits,
  halvesOf,
  mostCostly,
  polyhedronOf,
  type RowView,
  type Split,
  settledOf,
  type Units,
  wholeAndSplit,
} from './unit-parts.js'

// Parts of one question, after which it is given up: without a budget there would be no end.
const mostParts = 4096
// How often a part is looked at, each time at the point that the cuts left before.
const mostLooks = 3
// How far beyond the radius, or the corners of the box, a point has to be, so that there is no doubt.
const [beyondBall, beyondBox, leastReach] = [1 + 1e-6, 1.01, 1e-12]

/** A part for one case, where some units are on and others off. */
interface UnitPart {
  readonly part: Part
  readonly rows: readonly Row[]
  readonly units?: Units
  /** What is at most zero on the part, and there where the rows are. */
  readonly ofSplits: ReadonlyMap<Split, Cut>
  readonly ofRows: readonly Cut[]
  /** An input that may meet the case, for all that is known. */
  readonly point: ArrayLike<number>
  readonly views: readonly RowView[]
}

/**
 * Splits units until the parts are decided: linear relaxation on a part gives half-spaces that hold all inputs that meet
 * the case. Where there is no point in all of them and the box, a positive sum of them proves it; else the point is tried,
 * the relaxation made as close as it can be there, and at last the unit split that it loses most by. Returns how many
 * parts were bounded. (Bunel et al., "Branch and bound for piecewise linear neural network verification", JMLR 2020.)
 */
export async function splitUnits(
  inquiry: Inquiry,
  parts: readonly Part[],
  most: number,
  budget: Budget,
): Promise<number> {
  const { model, questions } = inquiry
  const counts = new Map<number, number>()
  let stack = parts.flatMap((part) =>
    part.open.map((position): UnitPart => {
      const point = middle(part)
      const rows = questions[part.question].cases[position]
      return { part: { ...part, open: [position] }, rows, ofSplits: new Map(), ofRows: [], point, views: [] }
    }),
  )
  const canSplit = canSplitUnits(model.graph)
  while (canSplit && stack.length > 0 && (await budget.next())) {
    const taken = stack.splice(-most)
    for (const { part } of taken) counts.set(part.question, (counts.get(part.question) ?? 0) + 1)
    for (const group of wholeAndSplit(taken, ({ units }) => units)) {
      const halves = await viewTogether(inquiry, group, budget)
      stack.push(...(halves ?? group))
    }
    const isOver = ({ part }: UnitPart) => counts.get(part.question)! > mostParts
    inquiry.leave(stack.filter(isOver).map(({ part }) => part))
    const open = new Set(inquiry.unanswered(stack.map(({ part }) => part)))
    stack = stack.filter((each) => open.has(each.part) && !isOver(each))
  }
  inquiry.leave(stack.map(({ part }) => part))
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

/** The halves of what could not be excluded; undefined when the budget ended first. */
async function viewTogether(
  inquiry: Inquiry,
  group: readonly UnitPart[],
  budget: Budget,
): Promise<UnitPart[] | undefined> {
  const { model } = inquiry
  const bounded = await BoundedParts.of(
    model.graph,
    inquiry.refinementOf(
      group.map(({ part }) => part),
      budget,
    ),
    group.map(({ units }) => units),
    group.map(({ point }) => point),
  )
  if (!bounded) return undefined
  let open = range(group.length)
    .filter((index) => bounded.bounds[index])
    .map((index) => ({ ...group[index], index, ofSplits: bounded.cuts[index] }))
  for (let look = 0; look < mostLooks && open.length > 0; look++) {
    const views = await bounded.look(
      open.flatMap(({ index, rows, point }) => rows.map((row) => ({ part: index, row, point }))),
    )
    if (!views) return undefined
    let first = 0
    const left = open.flatMap((each) => {
      first += each.rows.length
      const { ball } = inquiry.questions[each.part.question]
      return narrowed(each, views.slice(first - each.rows.length, first), ball) ?? []
    })
    await inquiry.propose(
      left.map(({ point }) => Float32Array.from(point)),
      left.map(({ part }) => part.question),
    )
    const asked = new Set(inquiry.unanswered(left.map(({ part }) => part)))
    open = left.filter(({ part }) => asked.has(part))
  }
  return open.flatMap(({ index, ...each }): UnitPart[] => {
    const bounds = bounded.bounds[index]!
    const next = mostCostly(bounds, each.views)
    if (!next) {
      inquiry.leave([each.part])
      return []
    }
    const settled = settledOf(model.graph, each.ofSplits)
    const whole = { bounds, splits: [...each.ofSplits.keys()], ofRows: each.ofRows, settled }
    return halvesOf(whole, next).map((units) => ({ ...each, units }))
  })
}

/** A part with what the rows were seen to be, and a point that this allows; undefined where there is none. */
function narrowed<Of extends UnitPart>(of: Of, views: readonly RowView[], ball?: RoundBall): Of | undefined {
  const { part } = of
  const from = ball ? Float64Array.from(ball.center) : middle(part)
  const lower = Float64Array.from(part.lower, (low, feature) => low - from[feature])
  const upper = Float64Array.from(part.upper, (high, feature) => high - from[feature])
  const ofRows = [...of.ofRows, ...views.map(({ cut }) => cut)]
  const within = polyhedronOf([...of.ofSplits.values(), ...ofRows], from, { lower, upper })
  if (!within) return undefined
  const corner = upper.reduce((sum, high, feature) => sum + Math.max(high, -lower[feature]) ** 2, 0)
  // No point of the box or the ball is that far away.
  const reach = ball ? Math.max(beyondBall * ball.radius, leastReach) : beyondBox * Math.sqrt(corner)
  const { status, d, multipliers } = closestInPolyhedron(ball?.norm ?? 'l2', within.polyhedron, reach)
  if (status === 'beyond' && isPositive(within.kept, multipliers, part, ball)) return undefined
  if (status !== 'solved') return { ...of, ofRows, views }
  const held = new Set(within.kept.filter((_, row) => multipliers[row] > 0))
  const point = d.map((step, feature) => {
    return Math.min(Math.max(Math.fround(from[feature] + step), part.lower[feature]), part.upper[feature])
  })
  return { ...of, ofRows: ofRows.filter((cut) => held.has(cut)), views, point }
}

/** Whether a sum of cuts is positive throughout a box, or what a ball has of it: then they are nowhere at most zero all at once. */
function isPositive(cuts: readonly Cut[], multipliers: Float64Array, box: Box, ball?: RoundBall): boolean {
  const coefficients = new Float64Array(box.lower.length)
  let [constant, size] = [0, 0]
  cuts.forEach((cut, index) => {
    if (multipliers[index] === 0) return
    let squares = 0
    for (let feature = 0; feature < coefficients.length; feature++) squares += cut.coefficients[feature] ** 2
    // The multipliers are those of rows of unit length.
    const weight = multipliers[index] / Math.sqrt(squares)
    constant += weight * cut.constant
    size += weight * magnitude(cut, box)
    for (let feature = 0; feature < coefficients.length; feature++) {
      coefficients[feature] += weight * cut.coefficients[feature]
    }
  })
  return isPositiveOn({ coefficients, constant }, size, box, ball)
}

function middle({ lower, upper }: Box): Float64Array {
  return Float64Array.from(lower, (low, feature) => between(low, upper[feature], 0.5))
}
