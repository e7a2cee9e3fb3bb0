import type { Budget } from '../budget.js'
import type { Float64Box } from '../geometry/float64-box.js'
import { displacementToHyperplane } from '../geometry/hyperplane.js'
import { distance } from '../geometry/norm.js'
import { range } from '../sampling/rows.js'
import { dot } from '../solvers/dot.js'
import { DualSimplex, type Equation } from '../solvers/dual-simplex.js'
import type { BetweenUnits, OpenUnit, OpenUnits } from './open-units.js'

/** On which side of zero the input of each open unit is; `either` where a part has both. */
export type Sides = readonly ('on' | 'off' | 'either')[]

/** What is known of a margin on a part of a ball. */
export interface PartView {
  /** No displacement of the part that makes the margin zero or less is nearer. */
  readonly distance: number
  /** Whether the least relaxed margin was found: if not, no displacement within the radius makes the margin zero or less, or nothing is known. */
  readonly isSolved: boolean
  /** Where the relaxed margin is smallest, if that was found. */
  readonly d: Float64Array
  /** How far each unit's relaxation is from the unit there, and how much the margin would grow with the chord. */
  readonly gaps: Float64Array
  readonly prices: Float64Array
  /** Whether the input of each unit is positive there. */
  readonly isOn: readonly boolean[]
}

// Of what is needed to reach a hyperplane, what is as good as that.
const almost = 1 - 1e-9
const mostRounds = 50
// How much farther the margin is likely to be less than zero, and not only by rounding.
const beyond = 4e-7
// What a distance must gain, as a share of it, to be worth another round.
const leastGain = 1e-12

/**
 * The least margins of a model of units in a ball around a sample, ℓ∞ or ℓ1, and in parts of it where units are on or off. The
 * linear programs are over the displacement d and, of each open unit of input p, the parts above zero, max(p, 0), and
 * below, max(−p, 0): p is the difference of the two, and the chord bounds a weighted sum of them (the triangle of Ehlers,
 * "Formal verification of piece-wise linear feed-forward neural networks", ATVA 2017). The multipliers of a program
 * make a linear function of d that the margin is nowhere below.
 */
export class BallProgram {
  readonly units: readonly OpenUnit[]
  readonly #norm: 'linf' | 'l1'
  readonly #margins: readonly BetweenUnits[]
  readonly #room: Float64Box
  readonly #budget: Budget
  readonly #simplex: DualSimplex
  /** Positions of the first part above zero, of the first one below, and of the first slack of a chord. */
  readonly #above: number
  readonly #below: number
  readonly #slack: number

  constructor(norm: 'linf' | 'l1', { units, margins }: OpenUnits, room: Float64Box, budget: Budget) {
    this.#norm = norm
    this.units = units
    this.#margins = margins
    this.#room = room
    this.#budget = budget
    const features = room.lower.length
    // In ℓ1 there are d's parts above and below zero, and a sum of all of them, the last variable.
    this.#above = norm === 'l1' ? 2 * features : features
    this.#below = this.#above + units.length
    this.#slack = this.#below + units.length
    const variables = this.#slack + units.length + (norm === 'l1' ? 1 : 0)
    const equations = [
      ...units.map(({ input }, unit) => this.#inputEquation(input, unit)),
      ...units.map((each, unit) => this.#chordEquation(each, unit)),
      ...(norm === 'l1' ? [sumEquation(2 * features, variables - 1)] : []),
    ]
    const [lower, upper] = [new Float64Array(variables), new Float64Array(variables)]
    this.#simplex = new DualSimplex(equations, lower, upper, range(variables).slice(this.#below))
  }

  /** The margin over a rival on a part, within a radius. */
  async view(rival: number, sides: Sides, radius: number): Promise<PartView> {
    const margin = this.#margins[rival]
    this.#bound(sides, radius)
    const { cost, values, lower, upper } = this.#simplex
    cost.fill(0)
    cost.set(margin.over, this.#above)
    this.#spread(margin.coefficients, 1, (column, coefficient) => {
      cost[column] = coefficient
    })
    const status = await this.#simplex.minimise(-margin.constant, () => this.#budget.next())
    const { slopes, offset } = this.#simplex.reduced()
    const features = this.#room.lower.length
    // What the sum costs is left out again: here nothing is known of d.
    const ofSum = this.#norm === 'l1' ? slopes[slopes.length - 1] : 0
    const normal = slopes.slice(0, features).map((slope) => slope + ofSum)
    let least = margin.constant + offset
    for (let column = this.#above; column < this.#slack + this.units.length; column++) {
      least += slopes[column] * (slopes[column] > 0 ? lower : upper)[column]
    }
    const d = values.slice(0, features)
    if (this.#norm === 'l1')
      for (let feature = 0; feature < features; feature++) d[feature] -= values[features + feature]
    const [above, below, left] = [this.#above, this.#below, this.#slack]
    return {
      distance: this.#reach(normal, least),
      d,
      gaps: Float64Array.from(sides, (side, unit) =>
        side === 'either' ? Math.min(values[above + unit], values[below + unit]) : 0,
      ),
      prices: Float64Array.from(this.units, (_, unit) => Math.abs(slopes[left + unit])),
      isOn: this.units.map((_, unit) => values[above + unit] > values[below + unit]),
      isSolved: status === 'solved',
    }
  }

  /**
   * The margin over a rival on a part, within the smallest radius where relaxed it can be zero or less, and where it is smallest a little
   * farther away; undefined where that radius is not below the limit.
   */
  async nearest(
    rival: number,
    sides: Sides,
    limit: number,
  ): Promise<(PartView & { readonly behind: Float64Array }) | undefined> {
    let view = await this.view(rival, sides, limit)
    let [radius, least, slack] = [view.distance, view.distance, leastGain]
    for (let round = 0; round < mostRounds && least < limit && !this.#budget.exhausted; round++) {
      view = await this.view(rival, sides, radius)
      const isGain = view.distance > least * (1 + leastGain)
      if (!isGain && view.isSolved) break
      // Nearer there is nothing, and there the multipliers are others; but a ball with next to no points may as well have none.
      least = Math.max(least, view.distance)
      radius = isGain ? least : radius * (1 + slack)
      if (!isGain) slack *= 2
    }
    if (least >= limit) return undefined
    const farther = await this.view(rival, sides, radius * (1 + beyond))
    return { ...view, distance: least, behind: farther.d }
  }

  /** Inputs of the open units at a displacement within the ball, and the margins there. */
  at(d: Float64Array): { inputs: Float64Array; margins: Float64Array } {
    const inputs = new Float64Array(this.units.length)
    const above = new Float64Array(this.units.length)
    const affine = ({ coefficients, over, constant }: BetweenUnits) =>
      constant + dot(coefficients, d) + dot(over, above)
    this.units.forEach(({ input }, unit) => {
      inputs[unit] = affine(input)
      above[unit] = Math.max(inputs[unit], 0)
    })
    return { inputs, margins: Float64Array.from(this.#margins, affine) }
  }

  #bound(sides: Sides, radius: number): void {
    const { lower, upper } = this.#simplex
    const { lower: lowest, upper: highest } = this.#room
    for (let feature = 0; feature < lowest.length; feature++) {
      const [low, high] = [Math.max(lowest[feature], -radius), Math.min(highest[feature], radius)]
      if (this.#norm === 'linf') {
        lower[feature] = low
        upper[feature] = high
      } else {
        upper[feature] = high
        upper[lowest.length + feature] = -low
      }
    }
    this.units.forEach(({ lower: low, upper: high }, unit) => {
      upper[this.#above + unit] = sides[unit] === 'off' ? 0 : high
      upper[this.#below + unit] = sides[unit] === 'on' ? 0 : -low
      upper[this.#slack + unit] = Math.min(-low, high)
    })
    if (this.#norm === 'l1') upper[upper.length - 1] = radius
  }

  /** How near a function of d, normal · d + constant, is zero or less within the domain. */
  #reach(normal: Float64Array, constant: number): number {
    if (!(constant > 0)) return 0
    const still = new Float64Array(normal.length)
    const nearest = displacementToHyperplane(this.#norm, still, { normal, offset: -constant }, this.#room)
    if (dot(normal, nearest) > -constant * almost) return Number.POSITIVE_INFINITY
    return distance(still, nearest)[this.#norm]
  }

  #spread(coefficients: Float64Array, sign: number, put: (column: number, coefficient: number) => void): void {
    coefficients.forEach((coefficient, feature) => {
      if (coefficient === 0) return
      put(feature, sign * coefficient)
      if (this.#norm === 'l1') put(coefficients.length + feature, -sign * coefficient)
    })
  }

  /** The part above less the one below is the input. */
  #inputEquation({ coefficients, over, constant }: BetweenUnits, unit: number): Equation {
    const [columns, values]: [number[], number[]] = [[], []]
    const put = (column: number, value: number) => {
      columns.push(column)
      values.push(value)
    }
    this.#spread(coefficients, -1, put)
    over.forEach((coefficient, before) => {
      if (coefficient !== 0) put(this.#above + before, -coefficient)
    })
    put(this.#above + unit, 1)
    put(this.#below + unit, -1)
    return { columns: Int32Array.from(columns), values: Float64Array.from(values), right: constant }
  }

  /** The chord: (max(p, 0) · −lower + max(−p, 0) · upper) ≤ −lower · upper, divided by the larger of the two. */
  #chordEquation({ lower, upper }: OpenUnit, unit: number): Equation {
    const larger = Math.max(-lower, upper)
    return {
      columns: Int32Array.of(this.#above + unit, this.#below + unit, this.#slack + unit),
      values: Float64Array.of(-lower / larger, upper / larger, 1),
      right: (-lower * upper) / larger,
    }
  }
}

/** The sum of so many variables, the first ones, is one more. */
function sumEquation(count: number, sum: number): Equation {
  const values = new Float64Array(count + 1).fill(-1)
  values[count] = 1
  return { columns: Int32Array.from([...range(count), sum]), values, right: 0 }
}
