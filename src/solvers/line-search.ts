/** Value and slope of a function of one variable. */
export interface LinePoint {
  readonly step: number
  readonly value: number
  readonly slope: number
}

const sufficientDecrease = 1e-3
const sufficientFlattening = 0.9
const mostTrials = 20

/**
 * Looks for a step up to `most` with the strong Wolfe conditions, beginning with 1: less than the value at 0 by a part of
 * what the slope promises, and flatter. At the last step that fits, or after too many trials, less is enough.
 * Asks for `LinePoint`s by yielding steps. Nocedal, Wright, "Numerical Optimization", algorithms 3.5 and 3.6.
 * @returns undefined when no step decreases the value.
 */
export function* lineSearch<P extends LinePoint>(start: LinePoint, most: number): Generator<number, P | undefined, P> {
  let low: LinePoint | P = start
  let high: LinePoint | undefined
  let step = Math.min(1, most)
  for (let trial = 0; trial < mostTrials; trial++) {
    const point: P = yield step
    const allowed = start.value + sufficientDecrease * step * start.slope
    if (!(point.value <= allowed && point.value < low.value)) high = point
    else if (Math.abs(point.slope) <= -sufficientFlattening * start.slope) return point
    else {
      const uphill = point.slope * (high === undefined ? 1 : high.step - low.step) >= 0
      if (uphill) high = low
      low = point
      if (high === undefined && step >= most) return point
    }
    step = high === undefined ? Math.min(4 * step, most) : between(low, high)
    if (step === low.step || step === high?.step) break
  }
  return low === start ? undefined : (low as P)
}

/** Where the cubic through both points has its minimum, or the middle; never close to the ends. */
function between(low: LinePoint, high: LinePoint): number {
  const span = high.step - low.step
  const secant = (3 * (low.value - high.value)) / span + low.slope + high.slope
  const root = Math.sign(span) * Math.sqrt(secant ** 2 - low.slope * high.slope)
  const fraction = 1 - (high.slope + root - secant) / (high.slope - low.slope + 2 * root)
  return low.step + span * (Number.isFinite(fraction) ? Math.min(Math.max(fraction, 0.1), 0.9) : 0.5)
}
