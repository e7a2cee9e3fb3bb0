/** A batch of model inputs: `shape` is [n, ...features], `data` row-major. */
export interface Inputs {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** Inputs with the class each of them belongs to, or the output that would be right, when that is known. */
export interface Samples {
  readonly inputs: Inputs
  /** For classifiers. */
  readonly labels?: Int32Array
  /** For regressors: shaped like their outputs. */
  readonly targets?: Inputs
}

/** The first `count` samples: bounds cost far more per sample than attacks do. */
export function firstSamples({ inputs, labels, targets }: Samples, count: number): Samples {
  const taken = Math.min(count, inputs.shape[0])
  const first = ({ data, shape }: Inputs): Inputs => ({
    data: data.slice(0, (data.length / shape[0]) * taken),
    shape: [taken, ...shape.slice(1)],
  })
  return {
    inputs: first(inputs),
    ...(labels && { labels: labels.slice(0, taken) }),
    ...(targets && { targets: first(targets) }),
  }
}
