import type { ValueBounds } from '../bounds/balls.js'
import { type FloatArray, floatArray } from '../bounds/input-ball.js'
import type { Refinement } from '../bounds/refinement.js'
import type { ExplainedRows } from '../bounds/relaxed-rows.js'
import type { Rows } from '../bounds/rows.js'
import { GraphBuilder, type Precision } from '../graph/builder.js'
import { elementCount, featureShape, type GraphNode, type TypedGraph } from '../graph/graph.js'
import { findOperator } from '../operators/registry.js'
import { unitOperators } from '../passes/bounded-values.js'
import { ruleContext } from '../passes/context.js'
import { isLinearInInput } from '../passes/linear-prefix.js'
import { atPointName, influenceName } from '../passes/row-functions.js'
import { range } from '../sampling/rows.js'
import type { Polyhedron } from '../solvers/dual-function.js'
import type { Row } from './question.js'

/** A linear function of the input, coefficients · x + constant, that is at most zero for every input of interest. */
export interface Cut {
  readonly coefficients: FloatArray
  readonly constant: number
}

/** The half of a part where a unit is on (its input at least zero), or where it is off. */
export interface Split {
  readonly value: string
  readonly unit: number
  readonly isOn: boolean
}

/** What is known of the units on a part of the inputs. */
export interface Units {
  /** Of the inputs of all units, by the names of their values. */
  readonly bounds: ReadonlyMap<string, ValueBounds>
  readonly splits: readonly Split[]
  /** What is at most zero where the part has inputs that matter: from the parts that hold this one. */
  readonly ofRows: readonly Cut[]
  /** What splits say that are linear in the input, by the place of the split: no split before changes it. */
  readonly settled: ReadonlyMap<Split, Cut>
}

/** A row of an output to look at on a part, as closely as can be at a point of the input. */
export interface RowQuestion {
  readonly part: number
  readonly row: Row
  readonly point: ArrayLike<number>
}

/** What is at most zero where the row is, and details of it by the names that {@link influenceName} and {@link atPointName} give. */
export interface RowView {
  readonly cut: Cut
  readonly details: ReadonlyMap<string, FloatArray>
}

// Weight of what a relaxation may cost elsewhere than at the point.
const anywhere = 1e-3

/** The values that units are made of, with their sizes: entries on either side of zero are on different linear pieces. */
export function unitInputs(graph: TypedGraph): Map<string, number> {
  const values = unitNodes(graph).map(({ inputs }) => inputs[0])
  return new Map(values.map((value) => [value, elementCount(featureShape(graph.values.get(value)!.shape)!)]))
}

export function unitNodes(graph: TypedGraph): GraphNode[] {
  const { isActivation } = ruleContext(graph, new GraphBuilder(graph.opset))
  return graph.nodes.filter(({ operator, inputs }) => unitOperators.has(operator) && isActivation(inputs[0]))
}

/** The first operator that splitting units does not make linear, if there is one. */
export function otherThanUnits(graph: TypedGraph): GraphNode | undefined {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  return graph.nodes.find((node) => {
    const isActive = node.outputs.some((output) => context.isActivation(output))
    return isActive && !unitOperators.has(node.operator) && !findOperator(node)?.linear?.(node, context)
  })
}

/** Whether splitting units makes a model linear. Pools and curves would be left as they are, however many units were split. */
export function canSplitUnits(graph: TypedGraph): boolean {
  return !otherThanUnits(graph) && unitInputs(graph).size > 0
}

/** Whole and split parts apart: a refinement inherits bounds for all of its parts or for none. */
export function wholeAndSplit<Of>(parts: readonly Of[], unitsOf: (part: Of) => Units | undefined): Of[][] {
  const groups = [true, false].map((isWhole) => parts.filter((part) => (unitsOf(part) === undefined) === isWhole))
  return groups.filter(({ length }) => length > 0)
}

/** Parts of balls of inputs, bounded by linear relaxation. */
export class BoundedParts {
  readonly #graph: TypedGraph
  readonly #refinement: Refinement
  /** Of each part; those that hold no input have none. */
  readonly bounds: readonly (ReadonlyMap<string, ValueBounds> | undefined)[]
  /** What the splits of each part say of the inputs. */
  readonly cuts: readonly ReadonlyMap<Split, Cut>[]

  private constructor(
    graph: TypedGraph,
    refinement: Refinement,
    bounds: BoundedParts['bounds'],
    cuts: BoundedParts['cuts'],
  ) {
    this.#graph = graph
    this.#refinement = refinement
    this.bounds = bounds
    this.cuts = cuts
  }

  /**
   * Bounds the parts of the balls of a refinement, where no units are split or in all of them; undefined when the budget
   * ended. The points are in the parts, or near.
   */
  static async of(
    graph: TypedGraph,
    refinement: Refinement,
    units: readonly (Units | undefined)[],
    points: readonly ArrayLike<number>[],
  ): Promise<BoundedParts | undefined> {
    const sizes = unitInputs(graph)
    const known = units.flatMap((each) => each ?? [])
    if (known.length > 0) refinement.inherit(join(known.map(({ bounds }) => bounds)))
    await refinement.refine()
    const { bounds, empty } = refinement
    if ([...sizes.keys()].some((value) => !bounds.has(value))) return undefined
    const cuts = await splitCuts(refinement, units, points)
    if (!cuts) return undefined
    const ofParts = range(units.length).map((part) =>
      empty.has(part)
        ? undefined
        : new Map([...sizes].map(([value, size]) => [value, slice(bounds.get(value)!, part, size)])),
    )
    return new BoundedParts(graph, refinement, ofParts, cuts)
  }

  /** Undefined when the budget ended. */
  async look(questions: readonly RowQuestion[]): Promise<RowView[] | undefined> {
    const rows: Rows = {
      sample: Int32Array.from(questions, ({ part }) => part),
      plus: Int32Array.from(questions, ({ row }) => row.plus),
      minus: Int32Array.from(questions, ({ row }) => row.minus),
    }
    const [{ name: output }] = this.#graph.outputs
    const points = joinPoints(
      questions.map(({ point }) => point),
      this.#refinement.precision,
    )
    const explained = await this.#refinement.explain(output, rows, points)
    return explained && questions.map((_, row) => viewOf(explained, row))
  }
}

/** What splits say of the inputs, for each part. */
async function splitCuts(
  refinement: Refinement,
  units: readonly (Units | undefined)[],
  points: readonly ArrayLike<number>[],
): Promise<Map<Split, Cut>[] | undefined> {
  const found = units.map((each) => new Map(each?.settled))
  const asked = units.flatMap((each, part) =>
    (each?.splits ?? []).filter((split) => !found[part].has(split)).map((split) => ({ part, split })),
  )
  for (const value of new Set(asked.map(({ split }) => split.value))) {
    const own = asked.filter(({ split }) => split.value === value)
    // Where a unit is on, minus its input is at most zero.
    const rows = {
      sample: Int32Array.from(own, ({ part }) => part),
      plus: Int32Array.from(own, ({ split: { unit, isOn } }) => (isOn ? -1 : unit)),
      minus: Int32Array.from(own, ({ split: { unit, isOn } }) => (isOn ? unit : -1)),
    }
    const at = joinPoints(
      own.map(({ part }) => points[part]),
      refinement.precision,
    )
    const explained = await refinement.explain(value, rows, at)
    if (!explained) return undefined
    own.forEach(({ part, split }, row) => {
      found[part].set(split, viewOf(explained, row).cut)
    })
  }
  return found
}

/** The cuts that hold for all parts of a part as they are. */
export function settledOf(graph: TypedGraph, cuts: ReadonlyMap<Split, Cut>): Map<Split, Cut> {
  const values = new Set([...cuts.keys()].map(({ value }) => value))
  const linear = new Set([...values].filter((value) => isLinearInInput(value, graph)))
  return new Map([...cuts].filter(([{ value }]) => linear.has(value)))
}

/**
 * The unit that the rows may lose most by: where a coefficient takes the chord, how far that is above the unit at the point;
 * and otherwise, with less weight, how far it is anywhere (cf. Bunel et al., 2020). Undefined where no unit is open.
 */
export function mostCostly(
  bounds: ReadonlyMap<string, ValueBounds>,
  views: readonly RowView[],
): Omit<Split, 'isOn'> | undefined {
  let best: Omit<Split, 'isOn'> | undefined
  let most = -1
  for (const [value, { lower, upper }] of bounds) {
    const details = views.flatMap(({ details }) => {
      const [influence, at] = [influenceName(value), atPointName(value)].map((name) => details.get(name))
      return influence && at ? [{ influence, at }] : []
    })
    for (let unit = 0; unit < lower.length; unit++) {
      const [low, high] = [lower[unit], upper[unit]]
      if (!(low < 0 && high > 0)) continue
      let cost = 0
      for (const { influence, at } of details) {
        const place = Math.min(Math.max(at[unit], low), high)
        const gap = influence[unit] < 0 ? (high * (place - low)) / (high - low) - Math.max(place, 0) : 0
        cost += Math.abs(influence[unit]) * (gap + (anywhere * -low * high) / (high - low))
      }
      if (cost <= most) continue
      most = cost
      best = { value, unit }
    }
  }
  return best
}

/** The two halves of a part. */
export function halvesOf({ bounds, splits, ofRows, settled }: Units, { value, unit }: Omit<Split, 'isOn'>): Units[] {
  return [true, false].map((isOn) => {
    const { lower, upper } = bounds.get(value)!
    const half = isOn ? { lower: lower.with(unit, 0), upper } : { lower, upper: upper.with(unit, 0) }
    const split = { value, unit, isOn }
    return { bounds: new Map([...bounds, [value, half]]), splits: [...splits, split], ofRows, settled }
  })
}

/** Displacements of a point that keep to the cuts and to a box, with the cut of each row; undefined where a cut allows no input. */
export function polyhedronOf(
  cuts: readonly Cut[],
  from: ArrayLike<number>,
  { lower, upper }: Pick<Polyhedron, 'lower' | 'upper'>,
): { polyhedron: Polyhedron; kept: readonly Cut[] } | undefined {
  const rows: Float64Array[] = []
  const offsets: number[] = []
  const kept: Cut[] = []
  for (const cut of cuts) {
    const { coefficients, constant } = cut
    let [squares, value] = [0, constant]
    for (let feature = 0; feature < coefficients.length; feature++) {
      squares += coefficients[feature] ** 2
      value += coefficients[feature] * from[feature]
    }
    const size = Math.sqrt(squares)
    if (!(size > 0)) {
      if (value > 0) return undefined
      continue
    }
    rows.push(Float64Array.from(coefficients, (coefficient) => -coefficient / size))
    offsets.push(value / size)
    kept.push(cut)
  }
  return { polyhedron: { rows, offsets: Float64Array.from(offsets), lower, upper }, kept }
}

function viewOf({ functions: { coefficients, constants }, details }: ExplainedRows, row: number): RowView {
  const part = (all: FloatArray) => {
    const size = all.length / constants.length
    return all.slice(row * size, (row + 1) * size)
  }
  return {
    cut: { coefficients: part(coefficients), constant: constants[row] },
    details: new Map([...details].map(([name, all]) => [name, part(all)])),
  }
}

function joinPoints(points: readonly ArrayLike<number>[], precision: Precision): FloatArray {
  const size = points[0]?.length ?? 0
  const all = floatArray(precision, points.length * size)
  points.forEach((point, index) => {
    all.set(point, index * size)
  })
  return all
}

function slice({ lower, upper }: ValueBounds, part: number, size: number): ValueBounds {
  return {
    lower: lower.slice(part * size, (part + 1) * size),
    upper: upper.slice(part * size, (part + 1) * size),
  }
}

function join(parts: readonly ReadonlyMap<string, ValueBounds>[]): Map<string, ValueBounds> {
  const joinEnd = (value: string, end: keyof ValueBounds) => {
    const [first] = parts
    const size = first.get(value)![end].length
    const all = floatArray(first.get(value)![end] instanceof Float64Array ? 'float64' : 'float32', size * parts.length)
    parts.forEach((bounds, part) => {
      all.set(bounds.get(value)![end], part * size)
    })
    return all
  }
  return new Map(
    [...parts[0].keys()].map((value) => [value, { lower: joinEnd(value, 'lower'), upper: joinEnd(value, 'upper') }]),
  )
}
