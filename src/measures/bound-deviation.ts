import { type Distribution, describeDistribution } from '../statistics/distribution.js'

/** What lies between a bound and an attack. */
export interface BoundDeviation {
  /** Distance of the adversarial example − certified radius, one per sample: NaN where either is missing. */
  readonly deviations: Float64Array
  /** The same as a share of the distance: 0 where the bound is exact, 1 where it certifies nothing. */
  readonly relativeGaps: Float64Array
  /** Samples with an adversarial example no further away than the certified radius: 0, or the bound is wrong. */
  readonly violations: number
  /** Of the deviations that are numbers. */
  readonly deviation: Distribution
  readonly relativeGap: Distribution
}

/**
 * How far a lower bound is from what an attack reaches, for both in one norm (Peck, "Lower bounds on the robustness to
 * adversarial perturbations", Tables 3.1, 4.2 and 4.3). `distances` and `radii` have one entry per sample, in input units;
 * NaN marks a sample without an adversarial example or without a bound. The true robustness lies between the two, so a
 * deviation says how much is not known, not which of them is far from it.
 */
export function boundDeviation(distances: ArrayLike<number>, radii: ArrayLike<number>): BoundDeviation {
  const deviations = Float64Array.from(radii, (radius, sample) => distances[sample] - radius)
  const relativeGaps = deviations.map((deviation, sample) => deviation / distances[sample])
  return {
    deviations,
    relativeGaps,
    violations: deviations.filter((deviation, sample) => deviation <= 0 && radii[sample] > 0).length,
    deviation: describeDistribution(deviations.filter(Number.isFinite)),
    relativeGap: describeDistribution(relativeGaps.filter(Number.isFinite)),
  }
}
