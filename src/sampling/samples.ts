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
