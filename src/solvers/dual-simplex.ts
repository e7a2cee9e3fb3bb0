import { BasisInverse, type Column } from './basis-inverse.js'
import { dot } from './dot.js'

/** Σ values · v[columns] = right, for the variables v. */
export interface Equation {
  readonly columns: Int32Array
  readonly values: Float64Array
  readonly right: number
}

/** A function of the variables that is the objective for all that meet the equations: offset + Σ slopes · v. */
export interface Reduced {
  readonly slopes: Float64Array
  readonly offset: number
}

// By how much bounds may be missed.
const feasibility = 1e-9
// Entries that are smaller are no pivots.
const leastPivot = 1e-9
// Breakpoints this close come at the same time.
const sameTime = 1e-12
// By how much two ways to compute a pivot may differ.
const pivotError = 1e-6
// The inverse is computed anew after so many exchanges, or as many as it has rows.
const mostExchanges = 100
// Steps of a program, per equation.
const mostSteps = 20
// What the objective gains by more than rounding, as a share of it.
const leastGain = 1e-12
// By how much costs are moved, as a share of the largest.
const costMove = 1e-9
const goldenRatio = (Math.sqrt(5) - 1) / 2
// How far beyond the limit the multipliers go that show that nothing meets the equations.
const farBeyond = 2 ** 20
// How often the objective is compared with the limit, and with what it was.
const between = 16
// Entries of the inverse that are updated between two questions whether to go on: some hundredths of a second.
const entriesAtOnce = 2 ** 24

/**
 * Linear programs with the same equations: minimises a cost over variables between bounds, all finite, by the dual
 * simplex method with steepest edges and long steps, which take variables from one bound to the other. With two
 * bounds for each variable every basis is dual feasible, so that a program starts where the one before it ended, whatever
 * has changed. A search has some hundred programs of some hundred units: from text and from the start, which is all that
 * `highs` offers, each would take it most of a second.
 * Forrest and Goldfarb, "Steepest-edge simplex algorithms for linear programming", Mathematical Programming, 1992; Maros,
 * "Computational techniques of the simplex method", 2003, §10.3.
 */
export class DualSimplex {
  /** Bounds; they may be changed between programs. */
  readonly lower: Float64Array
  readonly upper: Float64Array
  readonly cost: Float64Array
  /** The costs, or next to them. */
  readonly #costs: Float64Array
  /** After {@link minimise}: those that attain the minimum, if it was found. */
  readonly values: Float64Array
  readonly #equations: readonly Equation[]
  readonly #columns: readonly Column[]
  /** The variable of each row of the inverse; and the row of each variable, −1 for those at a bound. */
  readonly #basis: Int32Array
  readonly #rowOf: Int32Array
  readonly #first: Int32Array
  readonly #inverse: BasisInverse
  readonly #multipliers: Float64Array
  #slopes: Float64Array

  /** @param basis One variable per equation: their columns are to make a regular matrix. */
  constructor(equations: readonly Equation[], lower: Float64Array, upper: Float64Array, basis: ArrayLike<number>) {
    const [rows, variables] = [equations.length, lower.length]
    this.lower = lower
    this.upper = upper
    this.cost = new Float64Array(variables)
    this.#costs = new Float64Array(variables)
    this.values = lower.slice()
    this.#equations = equations
    this.#columns = columnsOf(equations, variables)
    this.#first = Int32Array.from(basis)
    this.#basis = this.#first.slice()
    this.#rowOf = new Int32Array(variables)
    this.#take(this.#first)
    this.#multipliers = new Float64Array(rows)
    this.#slopes = new Float64Array(variables)
    this.#inverse = new BasisInverse(rows)
    this.#invert()
  }

  /**
   * `solved`: the values attain the minimum. `beyond`: it was seen on the way that the minimum is above the limit, or that nothing meets the
   * equations. `stalled`: neither is known. What {@link reduced} says holds in any case.
   * @param goOn Asked from time to time; where it says no, the program stays as it is, stalled.
   */
  async minimise(limit: number, goOn: () => Promise<boolean>): Promise<'solved' | 'beyond' | 'stalled'> {
    const size = this.#basis.length
    this.#costs.set(this.cost)
    this.#price()
    let isFresh = true
    let last = Number.NEGATIVE_INFINITY
    let updated = 0
    for (let step = 0; step < mostSteps * (size + between); step++) {
      updated += size * size
      if (updated > entriesAtOnce) {
        updated = 0
        if (!(await goOn())) break
      }
      if (this.#inverse.exchanges >= Math.max(mostExchanges, size)) this.#restart()
      const isTurn = step % between === 0
      const objective = isTurn ? this.#objective() : last
      if (isTurn && step > 0 && objective <= last + leastGain * Math.abs(last)) this.#moveCosts()
      last = objective
      const isBeyond = isTurn && objective > limit
      const row = isBeyond ? -1 : this.#leavingRow()
      const status = isBeyond ? 'beyond' : row < 0 ? 'solved' : this.#step(row, limit)
      if (status === 'done') {
        isFresh = false
        continue
      }
      if (status === 'infeasible') return 'beyond'
      // What was updated often is not quite what it is.
      if (isFresh) return status
      if (status === 'stalled') this.#restart()
      else this.#price()
      isFresh = true
    }
    this.#price()
    return 'stalled'
  }

  /** The objective, written with the multipliers that were found: its minimum between the bounds is a lower bound of the program. */
  reduced(): Reduced {
    const offset = this.#multipliers.reduce((sum, multiplier, row) => sum + multiplier * this.#equations[row].right, 0)
    return { slopes: this.#slopesOf(this.cost), offset }
  }

  #objective(): number {
    return dot(this.#costs, this.values)
  }

  #slopesOf(costs: Float64Array): Float64Array {
    const slopes = costs.slice()
    this.#multipliers.forEach((multiplier, row) => {
      if (multiplier === 0) return
      const { columns, values } = this.#equations[row]
      for (let index = 0; index < columns.length; index++) slopes[columns[index]] -= multiplier * values[index]
    })
    return slopes
  }

  /**
   * Moves costs a little, all by different amounts, away from where slopes are zero: without any gain steps may go round in circles. What
   * is found then costs that much more than the minimum.
   */
  #moveCosts(): void {
    const most = costMove * this.cost.reduce((largest, cost) => Math.max(largest, Math.abs(cost)), 0)
    for (let variable = 0; variable < this.#costs.length; variable++) {
      if (this.#rowOf[variable] >= 0) continue
      const share = 0.5 + 0.5 * ((variable * goldenRatio) % 1)
      const move = (this.values[variable] === this.lower[variable] ? most : -most) * share
      this.#costs[variable] += move
      this.#slopes[variable] += move
    }
  }

  #restart(): void {
    this.#invert()
    this.#price()
  }

  #take(basis: Int32Array): void {
    this.#basis.set(basis)
    this.#rowOf.fill(-1)
    basis.forEach((variable, row) => {
      this.#rowOf[variable] = row
    })
  }

  #invert(): void {
    if (this.#inverse.invert(this.#basisColumns())) return
    this.#take(this.#first)
    this.#inverse.invert(this.#basisColumns())
  }

  #basisColumns(): Column[] {
    return Array.from(this.#basis, (variable) => this.#columns[variable])
  }

  /** The multipliers of the basis. */
  #multiply(): void {
    const size = this.#basis.length
    this.#multipliers.fill(0)
    for (let row = 0; row < size; row++) {
      const cost = this.#costs[this.#basis[row]]
      if (cost === 0) continue
      const factors = this.#inverse.row(row)
      for (let index = 0; index < size; index++) this.#multipliers[index] += cost * factors[index]
    }
  }

  /** Multipliers, slopes, the bounds that variables are at, and the values of the basis. */
  #price(): void {
    this.#multiply()
    this.#slopes = this.#slopesOf(this.#costs)
    for (let variable = 0; variable < this.values.length; variable++) {
      if (this.#rowOf[variable] >= 0) {
        this.#slopes[variable] = 0
        continue
      }
      const [low, high, slope] = [this.lower[variable], this.upper[variable], this.#slopes[variable]]
      const isNearLow = Math.abs(this.values[variable] - low) <= Math.abs(this.values[variable] - high)
      this.values[variable] = slope > 0 || (slope === 0 && isNearLow) ? low : high
    }
    this.#solveBasis()
  }

  #solveBasis(): void {
    const missing = Float64Array.from(this.#equations, ({ columns, values, right }) => {
      let sum = right
      for (let index = 0; index < columns.length; index++) {
        const variable = columns[index]
        if (this.#rowOf[variable] < 0) sum -= values[index] * this.values[variable]
      }
      return sum
    })
    this.#basis.forEach((variable, row) => {
      this.values[variable] = this.#inverse.rowTimes(row, missing)
    })
  }

  /** The row whose variable is farthest from its bounds, per length of its edge; −1 where all keep to them. */
  #leavingRow(): number {
    let [best, most] = [-1, 0]
    this.#basis.forEach((variable, row) => {
      const value = this.values[variable]
      const missed = Math.max(this.lower[variable] - value, value - this.upper[variable])
      if (missed <= feasibility) return
      const score = (missed * missed) / this.#inverse.lengths[row]
      if (score > most) [best, most] = [row, score]
    })
    return best
  }

  #step(row: number, limit: number): 'done' | 'infeasible' | 'stalled' {
    const factors = this.#inverse.row(row)
    const leaving = this.#basis[row]
    const isLow = this.values[leaving] < this.lower[leaving]
    const bound = isLow ? this.lower[leaving] : this.upper[leaving]
    // The slopes change by −time · sign · pivots.
    const sign = isLow ? -1 : 1
    const pivots = new Float64Array(this.values.length)
    factors.forEach((factor, index) => {
      if (factor === 0) return
      const { columns, values } = this.#equations[index]
      for (let place = 0; place < columns.length; place++) pivots[columns[place]] += factor * values[place]
    })
    const { entering, flipped, gain, time } = this.#entering(pivots, sign, Math.abs(this.values[leaving] - bound))
    if (entering === undefined) {
      // The objective grows without end along these multipliers: so far beyond the limit that they tell little else.
      const far = time + (farBeyond * (1 + Math.max(limit - this.#objective(), 0))) / gain
      this.#multiply()
      for (let index = 0; index < factors.length; index++) this.#multipliers[index] += sign * far * factors[index]
      return 'infeasible'
    }
    const direction = this.#inverse.times(this.#columns[entering])
    const pivot = direction[row]
    if (!(Math.abs(pivot) > leastPivot && Math.abs(pivot - pivots[entering]) <= pivotError * Math.abs(pivot))) {
      return 'stalled'
    }
    const slope = this.#slopes[entering] / pivot
    for (let variable = 0; variable < pivots.length; variable++) {
      if (this.#rowOf[variable] < 0) this.#slopes[variable] -= slope * pivots[variable]
    }
    this.#slopes[entering] = 0
    this.#slopes[leaving] = -slope
    this.#flip(flipped)
    const by = (this.values[leaving] - bound) / pivot
    this.#basis.forEach((variable, index) => {
      this.values[variable] -= by * direction[index]
    })
    this.values[entering] += by
    this.values[leaving] = bound
    this.#basis[row] = entering
    this.#rowOf[entering] = row
    this.#rowOf[leaving] = -1
    this.#inverse.exchange(row, direction)
    return 'done'
  }

  /**
   * The variable at whose breakpoint the objective stops growing, and those whose breakpoints come before; none where it
   * grows on, by `gain` per time.
   */
  #entering(pivots: Float64Array, sign: number, missed: number) {
    const times = new Float64Array(pivots.length)
    const candidates: number[] = []
    for (let variable = 0; variable < pivots.length; variable++) {
      if (this.#rowOf[variable] >= 0 || this.lower[variable] === this.upper[variable]) continue
      const along = sign * pivots[variable]
      if (!(this.values[variable] === this.lower[variable] ? along > leastPivot : along < -leastPivot)) continue
      times[variable] = Math.max(this.#slopes[variable] / along, 0)
      candidates.push(variable)
    }
    candidates.sort((one, other) => times[one] - times[other])
    let gain = missed
    let passed = 0
    for (; passed < candidates.length; passed++) {
      const variable = candidates[passed]
      const next = gain - Math.abs(pivots[variable]) * (this.upper[variable] - this.lower[variable])
      if (next < 0) break
      gain = next
    }
    if (passed === candidates.length) {
      const time = passed > 0 ? times[candidates[passed - 1]] : 0
      if (gain > feasibility || passed === 0) return { entering: undefined, flipped: [], gain, time }
      // But for rounding, this is where it stops.
      passed--
    }
    let entering = candidates[passed]
    const time = times[entering]
    for (let place = passed + 1; place < candidates.length && times[candidates[place]] <= time + sameTime; place++) {
      if (Math.abs(pivots[candidates[place]]) > Math.abs(pivots[entering])) entering = candidates[place]
    }
    return { entering, flipped: candidates.slice(0, passed), gain, time }
  }

  /** Takes variables to their other bounds. */
  #flip(variables: readonly number[]): void {
    if (variables.length === 0) return
    const moved = new Float64Array(this.#basis.length)
    for (const variable of variables) {
      const to = this.values[variable] === this.lower[variable] ? this.upper[variable] : this.lower[variable]
      const { rows, values } = this.#columns[variable]
      for (let index = 0; index < rows.length; index++) {
        moved[rows[index]] += (to - this.values[variable]) * values[index]
      }
      this.values[variable] = to
    }
    this.#basis.forEach((variable, row) => {
      this.values[variable] -= this.#inverse.rowTimes(row, moved)
    })
  }
}

function columnsOf(equations: readonly Equation[], variables: number): Column[] {
  const counts = new Int32Array(variables)
  for (const { columns } of equations) for (const variable of columns) counts[variable]++
  const all = Array.from(counts, (count) => ({ rows: new Int32Array(count), values: new Float64Array(count) }))
  counts.fill(0)
  equations.forEach(({ columns, values }, row) => {
    columns.forEach((variable, index) => {
      const place = counts[variable]++
      all[variable].rows[place] = row
      all[variable].values[place] = values[index]
    })
  })
  return all
}
