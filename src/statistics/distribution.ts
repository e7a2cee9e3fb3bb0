import jstat from 'jstat'

/** A set of numbers in the figures that a table and a box plot need; all NaN without numbers. */
export interface Distribution {
  readonly count: number
  readonly mean: number
  /** Of a sample: over n − 1, so NaN of a single number. */
  readonly standardDeviation: number
  readonly smallest: number
  readonly lowerQuartile: number
  readonly median: number
  readonly upperQuartile: number
  readonly largest: number
}

/** Quartiles are interpolated between neighbours (type 7 of Hyndman and Fan), as box plots draw them. */
export function describeDistribution(values: ArrayLike<number>): Distribution {
  const sorted = Array.from(values).sort((left, right) => left - right)
  const at = (quantile: number) => {
    const position = quantile * (sorted.length - 1)
    const below = sorted[Math.floor(position)]
    return below + (sorted[Math.ceil(position)] - below) * (position % 1)
  }
  return {
    count: sorted.length,
    mean: jstat.jStat.mean(sorted),
    standardDeviation: sorted.length > 1 ? jstat.jStat.stdev(sorted, true) : Number.NaN,
    smallest: at(0),
    lowerQuartile: at(0.25),
    median: at(0.5),
    upperQuartile: at(0.75),
    largest: at(1),
  }
}
