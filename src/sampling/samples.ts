/** A batch of model inputs: `shape` is [n, ...features], `data` row-major. */
export interface Inputs {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** Inputs with the class each of them belongs to, when that is known. */
export interface Samples {
  readonly inputs: Inputs
  readonly labels?: Int32Array
}

/** The first `count` samples: bounds cost far more per sample than attacks do. */
export function firstSamples({ inputs, labels }: Samples, count: number): Samples {
  const { data, shape } = inputs
  const taken = Math.min(count, shape[0])
  return {
    inputs: { data: data.slice(0, (data.length / shape[0]) * taken), shape: [taken, ...shape.slice(1)] },
    ...(labels && { labels: labels.slice(0, taken) }),
  }
}
