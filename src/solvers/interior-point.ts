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
 */
export function smallestWithinRows(
  norm: 'linf' | 'l2',
  rows: Float64Array,
  offsets: Float64Array,
  low: Float64Array,
  high: Float64Array,
): Float64Array {
  const n = low.length
  const k = offsets.length
  const bounded = norm === 'linf'
  const quadratic = bounded ? 0 : 1
  // Slacks and multipliers: of d ≥ low, d ≤ high, d ≤ r and d ≥ −r, of the rows, and of s ≥ 0.
  const families = bounded ? 4 : 2
  const first = families * n
  const total = first + k + 1
  const slacks = new Float64Array(total)
  const multipliers = new Float64Array(total)
  const targets = new Float64Array(total)
  const slackSteps = new Float64Array(total)
  const multiplierSteps = new Float64Array(total)
  const d = new Float64Array(n)
  const step = new Float64Array(n)
  const images = new Float64Array(k)
  let radius = 0
  for (let i = 0; i < n; i++) {
    // Near zero where that is inside, where the solution has most features.
    const width = high[i] - low[i]
    d[i] = Math.min(Math.max(0, low[i] + Math.min(0.5 * width, 0.1)), high[i] - Math.min(0.5 * width, 0.1))
    radius = Math.max(radius, Math.abs(d[i]))
  }
  radius = 1.5 * radius + 1
  const product = (row: number, vector: Float64Array) => {
    let sum = 0
    const start = row * n
    for (let i = 0; i < n; i++) sum += rows[start + i] * vector[i]
    return sum
  }
  let missed = 1
  for (let row = 0; row < k; row++) {
    images[row] = product(row, d)
    missed = Math.max(missed, offsets[row] - images[row] + 1)
  }
  const setSlacks = () => {
    for (let i = 0; i < n; i++) {
      slacks[i] = d[i] - low[i]
      slacks[n + i] = high[i] - d[i]
      if (!bounded) continue
      slacks[2 * n + i] = radius - d[i]
      slacks[3 * n + i] = radius + d[i]
    }
    for (let row = 0; row < k; row++) slacks[first + row] = images[row] + missed - offsets[row]
    slacks[total - 1] = missed
  }
  setSlacks()
  const start = 1 / Math.sqrt(n)
  for (let i = 0; i < first; i++) multipliers[i] = (bounded ? 1 / n : start * 0.1) / Math.max(slacks[i], 1e-3)
  for (let row = 0; row < k; row++) multipliers[first + row] = 1 / k
  multipliers[total - 1] = penalty

  const diagonal = new Float64Array(n)
  const border = new Float64Array(n)
  const weighted = new Float64Array(n)
  const right = new Float64Array(n)
  const size = bounded ? k + 1 : k
  const matrix = new Float64Array(size * size)
  let corner = 0

  const factors = () => {
    corner = 0
    for (let i = 0; i < n; i++) {
      const base = quadratic + multipliers[i] / slacks[i] + multipliers[n + i] / slacks[n + i]
      diagonal[i] = base
      if (!bounded) continue
      const above = multipliers[2 * n + i] / slacks[2 * n + i]
      const below = multipliers[3 * n + i] / slacks[3 * n + i]
      diagonal[i] += above + below
      border[i] = below - above
      corner += ((above + below) * base + 4 * above * below) / diagonal[i]
    }
    const missing = slacks[total - 1] / multipliers[total - 1]
    for (let row = 0; row < k; row++) {
      const at = row * n
      for (let i = 0; i < n; i++) weighted[i] = rows[at + i] / diagonal[i]
      for (let other = 0; other <= row; other++) {
        const entry = missing + product(other, weighted)
        matrix[row * size + other] = matrix[other * size + row] = entry
      }
      matrix[row * size + row] += slacks[first + row] / multipliers[first + row]
      if (!bounded) continue
      let sum = 0
      for (let i = 0; i < n; i++) sum += weighted[i] * border[i]
      matrix[row * size + k] = -sum
      matrix[k * size + row] = sum
    }
    if (bounded) matrix[size * size - 1] = corner
  }

  /** Newton's step to where the products of slacks and multipliers are the targets. */
  const newton = (): { radiusStep: number; missedStep: number } | undefined => {
    const solution = new Float64Array(size)
    let radiusRight = -1
    for (let i = 0; i < n; i++) {
      right[i] = targets[i] / slacks[i] - targets[n + i] / slacks[n + i] - quadratic * d[i]
      if (!bounded) continue
      const above = targets[2 * n + i] / slacks[2 * n + i]
      const below = targets[3 * n + i] / slacks[3 * n + i]
      right[i] += below - above
      radiusRight += above + below
    }
    let sum = 0
    for (let row = 0; row < k; row++) {
      const multiplier = multipliers[first + row]
      sum += multiplier
      for (let i = 0; i < n; i++) right[i] += multiplier * rows[row * n + i]
    }
    const last = total - 1
    const missing = slacks[last] / multipliers[last]
    const missedRight = sum + targets[last] / slacks[last] - penalty
    for (let i = 0; i < n; i++) step[i] = right[i] / diagonal[i]
    for (let row = 0; row < k; row++) {
      solution[row] =
        targets[first + row] / multipliers[first + row] -
        slacks[first + row] -
        product(row, step) -
        missing * missedRight
    }
    if (bounded) {
      for (let i = 0; i < n; i++) radiusRight -= border[i] * step[i]
      solution[k] = radiusRight
    }
    if (!solveInPlace(matrix.slice(), solution, size)) return undefined
    const radiusStep = bounded ? solution[k] : 0
    let multiplierSum = 0
    for (let i = 0; i < n; i++) step[i] = right[i] - (bounded ? border[i] * radiusStep : 0)
    for (let row = 0; row < k; row++) {
      multiplierSum += solution[row]
      multiplierSteps[first + row] = solution[row]
      for (let i = 0; i < n; i++) step[i] += solution[row] * rows[row * n + i]
    }
    for (let i = 0; i < n; i++) step[i] /= diagonal[i]
    const missedStep = missing * (missedRight + multiplierSum)
    for (let i = 0; i < n; i++) {
      slackSteps[i] = step[i]
      slackSteps[n + i] = -step[i]
      if (!bounded) continue
      slackSteps[2 * n + i] = radiusStep - step[i]
      slackSteps[3 * n + i] = radiusStep + step[i]
    }
    for (let row = 0; row < k; row++) slackSteps[first + row] = product(row, step) + missedStep
    slackSteps[last] = missedStep
    for (let i = 0; i < total; i++) {
      if (i >= first && i < last) continue
      multiplierSteps[i] = (targets[i] - multipliers[i] * slackSteps[i]) / slacks[i] - multipliers[i]
    }
    return { radiusStep, missedStep }
  }

  const reach = (values: Float64Array, steps: Float64Array) => {
    let longest = 1 / fractionToBoundary
    for (let i = 0; i < total; i++) if (steps[i] < 0) longest = Math.min(longest, -values[i] / steps[i])
    return longest
  }

  for (let iteration = 0; iteration < mostIterations; iteration++) {
    let products = 0
    for (let i = 0; i < total; i++) products += slacks[i] * multipliers[i]
    if (products < tolerance) break
    factors()
    targets.fill(0)
    if (!newton()) break
    const [ahead, dual] = [Math.min(1, reach(slacks, slackSteps)), Math.min(1, reach(multipliers, multiplierSteps))]
    let predicted = 0
    for (let i = 0; i < total; i++) {
      predicted += (slacks[i] + ahead * slackSteps[i]) * (multipliers[i] + dual * multiplierSteps[i])
    }
    const centre = ((predicted / products) ** 3 * products) / total
    for (let i = 0; i < total; i++) targets[i] = centre - slackSteps[i] * multiplierSteps[i]
    const taken = newton()
    if (!taken) break
    let primal = Math.min(1, fractionToBoundary * reach(slacks, slackSteps))
    let onMultipliers = Math.min(1, fractionToBoundary * reach(multipliers, multiplierSteps))
    if (!bounded) primal = onMultipliers = Math.min(primal, onMultipliers)
    for (let i = 0; i < n; i++) d[i] += primal * step[i]
    radius += primal * taken.radiusStep
    missed += primal * taken.missedStep
    for (let row = 0; row < k; row++) images[row] = product(row, d)
    setSlacks()
    for (let i = 0; i < total; i++) multipliers[i] += onMultipliers * multiplierSteps[i]
  }
  return d
}
