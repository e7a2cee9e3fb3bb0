export interface ClassifiedSample {
  readonly eligible: boolean
  readonly label: number
  readonly prediction: number
}

/** What the findings of every check on a classifier say about each sample. */
export function classifiedSamples(samples: readonly ClassifiedSample[]) {
  return {
    eligible: Uint8Array.from(samples, ({ eligible }) => Number(eligible)),
    labels: Int32Array.from(samples, ({ label }) => label),
    predictions: Int32Array.from(samples, ({ prediction }) => prediction),
  }
}
