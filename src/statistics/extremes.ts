/** Smallest and largest value, of however many: a call takes no more than some ten thousand arguments. */
export function extremes(values: Float64Array): [smallest: number, largest: number] {
  return [
    values.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY),
    values.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY),
  ]
}
