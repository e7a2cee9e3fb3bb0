import type { RecordedCheck } from '../../src/checks/evidence.js'
import { binomialInterval } from '../../src/statistics/binomial.js'
import type { Comparison, Reach } from './comparison.js'

/** The share of the eligible samples that are robust at one radius, seen by one method. */
export interface CurvePoint {
  readonly method: string
  readonly epsilon: number
  readonly robust: number
  /** Exact 95 % interval. */
  readonly low: number
  readonly high: number
}

type Counted = Pick<Reach, 'method' | 'eligible' | 'values'>

/** Steps of one curve at most: more cannot be told apart, and a report has to stay small. */
const mostSteps = 60

/** The largest radius that is drawn: all that were asked for and certified, but not the tail of the distances. */
export function largestRadius(
  { records }: Comparison,
  attacks: readonly Pick<Reach, 'values'>[],
  bounds: readonly Pick<Reach, 'values'>[],
): number {
  return Math.max(
    ...records.flatMap(({ evidence }) => fixedRadius(evidence) ?? []),
    ...attacks.map(({ values }) => values[Math.floor(0.95 * (values.length - 1))] ?? 0),
    // A model that cannot be fooled at all has infinite radii.
    ...bounds.map(({ values }) => values.findLast(Number.isFinite) ?? 0),
    0,
  )
}

/**
 * The empirical curve of an attack, an upper bound of the true one: a sample with an adversarial example at some
 * distance is fooled at every radius from there on. Steps down, to be drawn level to the right of each point, and ends where
 * the attack was not tried any more.
 */
export function attackCurve(
  { method, eligible, values, furthest }: Counted & Pick<Reach, 'furthest'>,
  largest: number,
): CurvePoint[] {
  const end = Math.min(largest, Math.max(furthest, values.at(-1) ?? 0))
  const point = (epsilon: number, fooled: number) => curvePoint(method, epsilon, eligible - fooled, eligible)
  const within = values.filter((value) => value <= end)
  const steps = thin(within).map((index) => point(within[index], index + 1))
  return [point(0, 0), ...steps, point(end, within.length)]
}

/** The certified share, a lower bound of the true one: what is certified at a radius is so at all smaller ones. */
export function certifiedCurve({ method, eligible, values }: Counted, largest: number): CurvePoint[] {
  const point = (epsilon: number, robust: number) => curvePoint(method, epsilon, robust, eligible)
  const within = values.map((value) => Math.min(value, largest))
  const steps = thin(within).map((index) => point(within[index], within.length - index))
  return [point(0, within.length), ...steps, point(within.at(-1) ?? 0, 0), point(largest, 0)]
}

/** What each attack with one radius found there: the fooling ratio with its interval, as the check judged it. */
export function attackPoints(records: readonly RecordedCheck[]): CurvePoint[] {
  return records.flatMap(({ evidence }) => {
    const epsilon = fixedRadius(evidence)
    if (epsilon === undefined || !('attack' in evidence)) return []
    const { value, low, high } = evidence.finding!.foolingRatio
    return [{ method: evidence.attack.name, epsilon, robust: 1 - value, low: 1 - high, high: 1 - low }]
  })
}

function fixedRadius(evidence: RecordedCheck['evidence']): number | undefined {
  if (!('attack' in evidence)) return evidence.kind === 'lower-bound' ? evidence.radius : undefined
  return typeof evidence.attack.epsilon === 'number' ? evidence.attack.epsilon : undefined
}

function curvePoint(method: string, epsilon: number, robust: number, eligible: number): CurvePoint {
  const { value, low, high } = binomialInterval(robust, eligible)
  return { method, epsilon, robust: value, low, high }
}

/** Indices of at most so many values, evenly spread, the last one among them. */
function thin(values: readonly number[]): number[] {
  const count = Math.min(values.length, mostSteps)
  return Array.from({ length: count }, (_, step) => Math.ceil(((step + 1) * values.length) / count) - 1)
}
