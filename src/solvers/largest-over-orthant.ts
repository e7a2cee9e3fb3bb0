import { addScaled } from './add-scaled.js'
import { CholeskyFactor } from './cholesky-factor.js'

/** slopes · (x − start) − ½ (x − start) · H (x − start), where H is positive semidefinite. */
export interface ConcaveQuadratic {
  /** Without negative entries. */
  readonly start: Float64Array
  readonly slopes: Float64Array
  /** A column of H. Only those are asked for whose variables are or become positive. */
  readonly column: (variable: number) => Float64Array
  /** Added to the diagonal of H. */
  readonly ridge: number
}

// Of the steepest slope at the start: slopes that are not worth another variable.
const flat = 1e-9
// Of the rise: what is more than rounding.
const leastGain = 1e-12

export interface Ascent {
  readonly x: Float64Array
  /** The value there. */
  readonly risen: number
}

/**
 * The x without negative entries where a concave quadratic function is largest, or one where it has risen by `enough`; undefined where
 * rounding stops the way. Variables become positive one at a time, that of the steepest slope first. Lawson and Hanson,
 * "Solving least squares problems", 1974, chapter 23.
 */
export function largestOverOrthant(of: ConcaveQuadratic, enough: number): Ascent | undefined {
  const { start, slopes, column, ridge } = of
  const size = start.length
  const x = start.slice()
  let positive: number[] = []
  const factor = new CholeskyFactor()
  const take = (variable: number): boolean => {
    const ofVariable = column(variable)
    const row = new Float64Array(positive.length + 1)
    for (let place = 0; place < positive.length; place++) row[place] = ofVariable[positive[place]]
    row[positive.length] = ofVariable[variable] + ridge
    positive.push(variable)
    return factor.grow(row)
  }
  let steepest = 0
  for (let variable = 0; variable < size; variable++) {
    const isPositive = x[variable] > 0
    if (isPositive && !take(variable)) return undefined
    steepest = Math.max(steepest, isPositive ? Math.abs(slopes[variable]) : slopes[variable])
  }
  const current = slopes.slice()
  let risen = 0
  let isFirst = true
  while (true) {
    const before = risen
    while (positive.length > 0) {
      const step = new Float64Array(positive.length)
      for (let place = 0; place < step.length; place++) step[place] = current[positive[place]]
      factor.solve(step)
      let [share, climb] = [1, 0]
      for (let place = 0; place < step.length; place++) {
        if (step[place] < 0) share = Math.min(share, x[positive[place]] / -step[place])
        climb += current[positive[place]] * step[place]
      }
      risen += share * (1 - share / 2) * climb
      let firstStopped = step.length
      for (let place = 0; place < step.length; place++) {
        const variable = positive[place]
        const isStopped = step[place] < 0 && x[variable] / -step[place] <= share
        const move = isStopped ? -x[variable] : share * step[place]
        x[variable] = isStopped ? 0 : x[variable] + move
        addScaled(current, column(variable), -move)
        current[variable] -= move * ridge
        if (x[variable] === 0) firstStopped = Math.min(firstStopped, place)
      }
      if (firstStopped === step.length) break
      const later = positive.slice(firstStopped).filter((variable) => x[variable] > 0)
      positive = positive.slice(0, firstStopped)
      factor.shrink(firstStopped)
      if (!later.every(take)) return undefined
    }
    if (risen >= enough) return { x, risen }
    if (!isFirst && risen <= before * (1 + leastGain)) return { x, risen }
    isFirst = false
    let next = -1
    let most = flat * steepest
    for (let variable = 0; variable < size; variable++) {
      if (x[variable] === 0 && current[variable] > most) [next, most] = [variable, current[variable]]
    }
    if (next < 0) return { x, risen }
    if (!take(next)) return undefined
  }
}
