/// <reference path="./jstat.d.ts" />
import jstat from 'jstat'

/** A ratio with its confidence interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/**
 * `count` of `total` with the exact (Clopper-Pearson) two-sided confidence interval.
 * Without any trials the value is NaN and the interval [0, 1].
 */
export function binomialInterval(count: number, total: number, confidence = 0.95): Interval {
  const tail = (1 - confidence) / 2
  const betaQuantile = jstat.jStat.ibetainv
  return {
    value: count / total,
    low: count === 0 ? 0 : betaQuantile(tail, count, total - count + 1),
    high: count === total ? 1 : betaQuantile(1 - tail, count + 1, total - count),
  }
}

/** Probability of at least `count` successes in `total` trials, each with the given probability. */
export function binomialUpperTail(count: number, total: number, probability: number): number {
  if (count <= 0) return 1
  return count > total ? 0 : jstat.jStat.ibeta(probability, count, total - count + 1)
}
