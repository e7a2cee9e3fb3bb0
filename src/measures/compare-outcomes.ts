import { binomialInterval, type Interval } from '../statistics/binomial.js'
import { mcNemarPValue } from '../statistics/mcnemar.js'

/** Distances and radii that differ by less than this share count as equal: searches end at such differences. */
const tolerance = 0.05

/** The same samples in two runs. */
export interface PairedComparison {
  readonly paired: true
  /** Samples that withstood more before, and samples that withstand more now. */
  readonly worse: Int32Array
  readonly better: Int32Array
  /** Of the exact one-sided McNemar test: how often chance alone makes as many discordant samples worse. */
  readonly pValue: number
}

/** Samples drawn anew: shares of those that withstood, with their intervals at the confidence of the check. */
export interface UnpairedComparison {
  readonly paired: false
  readonly before: Interval
  readonly now: Interval
}

export type Comparison = PairedComparison | UnpairedComparison

/** Compares what each sample withstood in two runs: 0 where it was fooled, else 1, a distance or a radius. */
export function comparePaired(before: Float64Array, now: Float64Array): PairedComparison {
  const samples = Int32Array.from(before.keys())
  const worse = samples.filter((sample) => now[sample] < (1 - tolerance) * before[sample])
  const better = samples.filter((sample) => before[sample] < (1 - tolerance) * now[sample])
  return { paired: true, worse, better, pValue: mcNemarPValue(worse.length, better.length) }
}

/** Compares the shares of the samples that withstood a fixed ε. */
export function compareUnpaired(before: Float64Array, now: Float64Array, confidence: number): UnpairedComparison {
  const share = (withstood: Float64Array) =>
    binomialInterval(withstood.filter((value) => value > 0).length, withstood.length, confidence)
  return { paired: false, before: share(before), now: share(now) }
}

/** Whether the difference is more than chance, at this confidence. */
export function isRegression(comparison: Comparison, confidence: number): boolean {
  return comparison.paired ? comparison.pValue <= 1 - confidence : comparison.now.high < comparison.before.low
}
