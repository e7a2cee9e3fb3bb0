import { Refinement } from '../bounds/refinement.js'
import type { Budget } from '../budget.js'
import { range } from '../sampling/rows.js'
import { minimumInPolyhedron } from '../solvers/dual-newton.js'
import { type Box, between, joinBoxes } from './boxes.js'
import type { Inquiry, Part } from './inquiry.js'
import type { Row } from './question.js'
import {
  BoundedParts,
  type Cut,
  halvesOf,
  mostCostly,
  otherThanUnits,
  polyhedronOf,
  type RowView,
  type Split,
  settledOf,
  type Units,
  unitInputs,
  wholeAndSplit,
} from './unit-parts.js'

// Parts of one question, after which it is given up: without a budget there would be no end.
const mostParts = 4096
// How often a part is looked at, each time at the point that the cuts left before.
const mostLooks = 3
// Of the numbers that are summed up: what rounding in float64 may add, and more than that.
const noise = 1e-12

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
  // Pools and curves would be left as they are, however many units were split.
  const canSplit = !otherThanUnits(model.graph) && unitInputs(model.graph).size > 0
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
    Refinement.over(model, joinBoxes(group.map(({ part }) => part)), budget),
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
      return narrowed(each, views.slice(first - each.rows.length, first)) ?? []
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
function narrowed<Of extends UnitPart>(of: Of, views: readonly RowView[]): Of | undefined {
  const { part } = of
  const from = middle(part)
  const lower = Float64Array.from(part.lower, (low, feature) => low - from[feature])
  const upper = Float64Array.from(part.upper, (high, feature) => high - from[feature])
  const ofRows = [...of.ofRows, ...views.map(({ cut }) => cut)]
  const within = polyhedronOf([...of.ofSplits.values(), ...ofRows], from, { lower, upper })
  if (!within) return undefined
  const corner = upper.reduce((sum, high, feature) => sum + Math.max(high, -lower[feature]) ** 2, 0)
  // No point of the box is that far away.
  const reach = 1.01 * Math.sqrt(corner)
  const objective = { curvature: 1, limit: 0.5 * reach ** 2, tolerance: 1e-7 * reach } as const
  const { status, d, multipliers } = minimumInPolyhedron(within.polyhedron, objective)
  if (status === 'beyond' && isPositive(within.kept, multipliers, part)) return undefined
  if (status !== 'solved') return { ...of, ofRows, views }
  const held = new Set(within.kept.filter((_, row) => multipliers[row] > 0))
  const point = d.map((step, feature) => {
    return Math.min(Math.max(Math.fround(from[feature] + step), part.lower[feature]), part.upper[feature])
  })
  return { ...of, ofRows: ofRows.filter((cut) => held.has(cut)), views, point }
}

/** Whether a sum of cuts is positive throughout a box: then they are nowhere at most zero all at once. */
function isPositive(cuts: readonly Cut[], multipliers: Float64Array, { lower, upper }: Box): boolean {
  const sum = new Float64Array(lower.length)
  let [least, size] = [0, 0]
  cuts.forEach(({ coefficients, constant }, index) => {
    if (multipliers[index] === 0) return
    let squares = 0
    for (let feature = 0; feature < sum.length; feature++) squares += coefficients[feature] ** 2
    // The multipliers are those of rows of unit length.
    const weight = multipliers[index] / Math.sqrt(squares)
    least += weight * constant
    size += weight * Math.abs(constant)
    for (let feature = 0; feature < sum.length; feature++) {
      sum[feature] += weight * coefficients[feature]
      const farthest = Math.max(Math.abs(lower[feature]), Math.abs(upper[feature]))
      size += weight * Math.abs(coefficients[feature]) * farthest
    }
  })
  for (let feature = 0; feature < sum.length; feature++) {
    least += sum[feature] * (sum[feature] > 0 ? lower[feature] : upper[feature])
  }
  return least > noise * size
}

function middle({ lower, upper }: Box): Float64Array {
  return Float64Array.from(lower, (low, feature) => between(low, upper[feature], 0.5))
}
