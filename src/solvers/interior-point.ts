import { solveInPlace } from './linear-system.js'

// Missing the rows by one costs this many times as much as a length of one.
const penalty = 1e4
const mostIterations = 50
// Sum of all complementarity products at the end, for lengths of order 1.
const tolerance = 1e-9
// How far towards the nearest constraint a step goes.
const fractionToBoundary = 0.99

/**
 * The d of smallest ℓ2 or ℓ∞ norm with rows · d ≥ offsets and low ≤ d ≤ high, all of order 1 and low < high: minimises
 * ½‖d‖² + penalty · s (ℓ2) or r + penalty · s with |d| ≤ r (ℓ∞), where rows · d + s ≥ offsets and s ≥ 0. A primal-dual
 * interior-point method with predictor and corrector, from a point within all constraints: only the rows couple the
 * entries of d, so that an iteration costs entries × rows² operations.
 * Mehrotra, "On the implementation of a primal-dual interior point method", SIAM Journal on Optimization, 1992.
 * @param rows [rows, entries of d]
 */
export function smallestWithinRows(
  norm: 'linf' | 'l2',
  rows: Float64Array,
  offsets: Float64Array,
  low: Float64Array,
  high: Float64Array,
): Float64Array {
  return new InteriorPoint(norm, rows, offsets, low, high).solve()
}

class InteriorPoint {
  readonly #bounded: boolean
  readonly #rows: Float64Array
  readonly #offsets: Float64Array
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #d: Float64Array
  /** Bound of all entries of d, for ℓ∞, and by how much the rows may be missed: r and s. */
  #radius = 0
  #missed = 1
  /** rows · d */
  readonly #images: Float64Array
  /**
   * Of the constraints: n of d ≥ low, n of d ≤ high, for ℓ∞ n of d ≤ r and n of d ≥ −r, then those of the rows, the first of
   * which is at `#first`, and s ≥ 0.
   */
  readonly #first: number
  readonly #slacks: Float64Array
  readonly #multipliers: Float64Array
  /** What the products of slacks and multipliers are to be after a step. */
  readonly #targets: Float64Array
  /** Newton's step. */
  readonly #step: Float64Array
  readonly #slackSteps: Float64Array
  readonly #multiplierSteps: Float64Array
  /** Of Newton's equations: of d, between d and r, and what is left for the rows and r when d is eliminated. */
  readonly #diagonal: Float64Array
  readonly #border: Float64Array
  readonly #matrix: Float64Array
  readonly #size: number
  readonly #right: Float64Array

  constructor(norm: 'linf' | 'l2', rows: Float64Array, offsets: Float64Array, low: Float64Array, high: Float64Array) {
    const [n, k] = [low.length, offsets.length]
    this.#bounded = norm === 'linf'
    this.#rows = rows
    this.#offsets = offsets
    this.#low = low
    this.#high = high
    this.#first = (this.#bounded ? 4 : 2) * n
    const total = this.#first + k + 1
    this.#slacks = new Float64Array(total)
    this.#multipliers = new Float64Array(total)
    this.#targets = new Float64Array(total)
    this.#slackSteps = new Float64Array(total)
    this.#multiplierSteps = new Float64Array(total)
    this.#d = new Float64Array(n)
    this.#step = new Float64Array(n)
    this.#images = new Float64Array(k)
    this.#diagonal = new Float64Array(n)
    this.#border = new Float64Array(n)
    this.#right = new Float64Array(n)
    this.#size = this.#bounded ? k + 1 : k
    this.#matrix = new Float64Array(this.#size * this.#size)
    this.#start()
  }

  solve(): Float64Array {
    const [slacks, multipliers, targets] = [this.#slacks, this.#multipliers, this.#targets]
    const [slackSteps, multiplierSteps] = [this.#slackSteps, this.#multiplierSteps]
    const total = slacks.length
    for (let iteration = 0; iteration < mostIterations; iteration++) {
      let products = 0
      for (let i = 0; i < total; i++) products += slacks[i] * multipliers[i]
      if (products < tolerance) break
      this.#factor()
      targets.fill(0)
      if (!this.#newton()) break
      const ahead = Math.min(1, reach(slacks, slackSteps))
      const dual = Math.min(1, reach(multipliers, multiplierSteps))
      let predicted = 0
      for (let i = 0; i < total; i++) {
        predicted += (slacks[i] + ahead * slackSteps[i]) * (multipliers[i] + dual * multiplierSteps[i])
      }
      const centre = ((predicted / products) ** 3 * products) / total
      for (let i = 0; i < total; i++) targets[i] = centre - slackSteps[i] * multiplierSteps[i]
      const taken = this.#newton()
      if (!taken) break
      let primal = Math.min(1, fractionToBoundary * reach(slacks, slackSteps))
      let onMultipliers = Math.min(1, fractionToBoundary * reach(multipliers, multiplierSteps))
      if (!this.#bounded) primal = onMultipliers = Math.min(primal, onMultipliers)
      for (let i = 0; i < this.#d.length; i++) this.#d[i] += primal * this.#step[i]
      this.#radius += primal * taken.radiusStep
      this.#missed += primal * taken.missedStep
      for (let row = 0; row < this.#images.length; row++) this.#images[row] = this.#product(row, this.#d)
      this.#setSlacks()
      for (let i = 0; i < total; i++) multipliers[i] += onMultipliers * multiplierSteps[i]
    }
    return this.#d
  }

  #start(): void {
    const [d, low, high, slacks, multipliers] = [this.#d, this.#low, this.#high, this.#slacks, this.#multipliers]
    const [n, k] = [d.length, this.#offsets.length]
    for (let i = 0; i < n; i++) {
      // Near zero where that is inside, where the solution has most features.
      const width = high[i] - low[i]
      d[i] = Math.min(Math.max(0, low[i] + Math.min(0.5 * width, 0.1)), high[i] - Math.min(0.5 * width, 0.1))
      this.#radius = Math.max(this.#radius, Math.abs(d[i]))
    }
    this.#radius = 1.5 * this.#radius + 1
    for (let row = 0; row < k; row++) {
      this.#images[row] = this.#product(row, d)
      this.#missed = Math.max(this.#missed, this.#offsets[row] - this.#images[row] + 1)
    }
    this.#setSlacks()
    const start = 1 / Math.sqrt(n)
    for (let i = 0; i < this.#first; i++) {
      multipliers[i] = (this.#bounded ? 1 / n : start * 0.1) / Math.max(slacks[i], 1e-3)
    }
    for (let row = 0; row < k; row++) multipliers[this.#first + row] = 1 / k
    multipliers[multipliers.length - 1] = penalty
  }

  #product(row: number, vector: Float64Array): number {
    const rows = this.#rows
    const n = vector.length
    let sum = 0
    const start = row * n
    for (let i = 0; i < n; i++) sum += rows[start + i] * vector[i]
    return sum
  }

  #setSlacks(): void {
    const [d, low, high, slacks] = [this.#d, this.#low, this.#high, this.#slacks]
    const n = d.length
    for (let i = 0; i < n; i++) {
      slacks[i] = d[i] - low[i]
      slacks[n + i] = high[i] - d[i]
      if (!this.#bounded) continue
      slacks[2 * n + i] = this.#radius - d[i]
      slacks[3 * n + i] = this.#radius + d[i]
    }
    for (let row = 0; row < this.#images.length; row++) {
      slacks[this.#first + row] = this.#images[row] + this.#missed - this.#offsets[row]
    }
    slacks[slacks.length - 1] = this.#missed
  }

  /** Newton's equations at the current point. */
  #factor(): void {
    const [slacks, multipliers, diagonal, border] = [this.#slacks, this.#multipliers, this.#diagonal, this.#border]
    const [matrix, size, rows, first, last] = [this.#matrix, this.#size, this.#rows, this.#first, slacks.length - 1]
    const [n, k] = [diagonal.length, this.#images.length]
    const quadratic = this.#bounded ? 0 : 1
    let corner = 0
    for (let i = 0; i < n; i++) {
      const base = quadratic + multipliers[i] / slacks[i] + multipliers[n + i] / slacks[n + i]
      diagonal[i] = base
      if (!this.#bounded) continue
      const above = multipliers[2 * n + i] / slacks[2 * n + i]
      const below = multipliers[3 * n + i] / slacks[3 * n + i]
      diagonal[i] += above + below
      border[i] = below - above
      corner += ((above + below) * base + 4 * above * below) / diagonal[i]
    }
    const missing = slacks[last] / multipliers[last]
    const weighted = new Float64Array(n)
    for (let row = 0; row < k; row++) {
      const at = row * n
      for (let i = 0; i < n; i++) weighted[i] = rows[at + i] / diagonal[i]
      for (let other = 0; other <= row; other++) {
        const entry = missing + this.#product(other, weighted)
        matrix[row * size + other] = matrix[other * size + row] = entry
      }
      matrix[row * size + row] += slacks[first + row] / multipliers[first + row]
      if (!this.#bounded) continue
      let sum = 0
      for (let i = 0; i < n; i++) sum += weighted[i] * border[i]
      matrix[row * size + k] = -sum
      matrix[k * size + row] = sum
    }
    if (this.#bounded) matrix[size * size - 1] = corner
  }

  /** Newton's step to where the products of slacks and multipliers are the targets; undefined where there is none. */
  #newton(): { radiusStep: number; missedStep: number } | undefined {
    const [slacks, multipliers, targets, step] = [this.#slacks, this.#multipliers, this.#targets, this.#step]
    const [diagonal, border, rows, right] = [this.#diagonal, this.#border, this.#rows, this.#right]
    const [first, last] = [this.#first, slacks.length - 1]
    const [n, k] = [step.length, this.#images.length]
    const missing = slacks[last] / multipliers[last]
    const { missedRight, radiusRight } = this.#rightSides()
    const solution = new Float64Array(this.#size)
    for (let i = 0; i < n; i++) step[i] = right[i] / diagonal[i]
    for (let row = 0; row < k; row++) {
      solution[row] =
        targets[first + row] / multipliers[first + row] -
        slacks[first + row] -
        this.#product(row, step) -
        missing * missedRight
    }
    if (this.#bounded) {
      let left = radiusRight
      for (let i = 0; i < n; i++) left -= border[i] * step[i]
      solution[k] = left
    }
    if (!solveInPlace(this.#matrix.slice(), solution, this.#size)) return undefined
    const radiusStep = this.#bounded ? solution[k] : 0
    let multiplierSum = 0
    for (let i = 0; i < n; i++) step[i] = right[i] - (this.#bounded ? border[i] * radiusStep : 0)
    for (let row = 0; row < k; row++) {
      multiplierSum += solution[row]
      this.#multiplierSteps[first + row] = solution[row]
      for (let i = 0; i < n; i++) step[i] += solution[row] * rows[row * n + i]
    }
    for (let i = 0; i < n; i++) step[i] /= diagonal[i]
    const missedStep = missing * (missedRight + multiplierSum)
    this.#setOtherSteps(radiusStep, missedStep)
    return { radiusStep, missedStep }
  }

  /** What Newton's equations are to give: for d in `#right`, and for s and r. */
  #rightSides(): { missedRight: number; radiusRight: number } {
    const [slacks, multipliers, targets, right] = [this.#slacks, this.#multipliers, this.#targets, this.#right]
    const [n, last, rows] = [right.length, slacks.length - 1, this.#rows]
    const quadratic = this.#bounded ? 0 : 1
    let radiusRight = -1
    for (let i = 0; i < n; i++) {
      right[i] = targets[i] / slacks[i] - targets[n + i] / slacks[n + i] - quadratic * this.#d[i]
      if (!this.#bounded) continue
      const above = targets[2 * n + i] / slacks[2 * n + i]
      const below = targets[3 * n + i] / slacks[3 * n + i]
      right[i] += below - above
      radiusRight += above + below
    }
    let sum = 0
    for (let row = 0; row < this.#images.length; row++) {
      const multiplier = multipliers[this.#first + row]
      sum += multiplier
      for (let i = 0; i < n; i++) right[i] += multiplier * rows[row * n + i]
    }
    return { missedRight: sum + targets[last] / slacks[last] - penalty, radiusRight }
  }

  /** The steps of the slacks, and of the multipliers but those of the rows, that go with that of d. */
  #setOtherSteps(radiusStep: number, missedStep: number): void {
    const [slacks, multipliers, targets, step] = [this.#slacks, this.#multipliers, this.#targets, this.#step]
    const [slackSteps, first, last] = [this.#slackSteps, this.#first, slacks.length - 1]
    const n = step.length
    for (let i = 0; i < n; i++) {
      slackSteps[i] = step[i]
      slackSteps[n + i] = -step[i]
      if (!this.#bounded) continue
      slackSteps[2 * n + i] = radiusStep - step[i]
      slackSteps[3 * n + i] = radiusStep + step[i]
    }
    for (let row = 0; row < this.#images.length; row++) slackSteps[first + row] = this.#product(row, step) + missedStep
    slackSteps[last] = missedStep
    for (let i = 0; i <= last; i++) {
      if (i >= first && i < last) continue
      this.#multiplierSteps[i] = (targets[i] - multipliers[i] * slackSteps[i]) / slacks[i] - multipliers[i]
    }
  }
}

/** How far a step may go, in its lengths, until one of the values is no longer positive. */
function reach(values: Float64Array, steps: Float64Array): number {
  let longest = 1 / fractionToBoundary
  for (let i = 0; i < values.length; i++) if (steps[i] < 0) longest = Math.min(longest, -values[i] / steps[i])
  return longest
}
