import type { Inquiry } from './run-together.js'

/** What a function is at a place. */
export interface Sighting {
  readonly value: number
  /** Whether it counts as above zero, which rounding may decide otherwise than the value. */
  readonly above: boolean
}

// What is looked for is expected near 1.
const firstStep = 2 ** -9
const mostSecants = 8

/**
 * Looks for a place between 0 and 1 where a function, below zero at 0, rises above it: from 1 downwards by secant steps, and
 * by bisection where these do not get there. Asks for the function by yielding places.
 * @param tolerance The search ends with an interval of this width, below zero at its lower end and above at its upper.
 * @returns The upper end, or undefined when the function is not above zero at 1.
 */
export function* crossing(tolerance: number): Inquiry<number, Sighting, number | undefined> {
  let earlier = { at: 1, ...(yield 1) }
  if (!earlier.above) return undefined
  let [lower, upper] = [0, 1]
  let at = 1 - firstStep
  for (let step = 0; upper - lower > tolerance; step++) {
    const latest = { at, ...(yield at) }
    if (latest.above) upper = at
    else lower = at
    const middle = (lower + upper) / 2
    const zero = at - (latest.value * (at - earlier.at)) / (latest.value - earlier.value)
    // A little beyond it, to cut off the wider side.
    const aim = zero + (zero < middle ? 0.4 : -0.4) * tolerance
    at = step < mostSecants && aim > lower && aim < upper ? aim : middle
    earlier = latest
  }
  return upper
}
