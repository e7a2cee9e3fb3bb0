/** Whether a bound accounts for rounding errors: its own and those of the model's float32 inference. */
export type RoundingMode = 'covered' | 'ignored'

/**
 * How much the bound passes give away so that float32 rounding cannot make them wrong. The derivation is in
 * docs/rounding.md; every allowance is zero in mode `ignored`.
 */
export interface Rounding {
  readonly mode: RoundingMode
  /** γ_k = k·u / (1 − k·u): bounds the relative error of k roundings in any order; ∞ where that formula ends. */
  gamma(roundings: number): number
  /** Absolute allowance for products that underflow in a sum of fewer than 2^24 of them. */
  readonly underflow: number
  /** Of a function that the runtime approximates: `relative` of the result plus `absolute`. */
  kernelError(kernel: ApproximatedKernel): number
}

export type ApproximatedKernel = 'Sigmoid' | 'Tanh'

// float32; used for the model's own arithmetic and for the bound's, which is never less precise.
const unitRoundoff = 2 ** -24

// Largest absolute errors of onnxruntime's float32 kernels against float64 over all inputs were measured at 1.7e-7
// (Sigmoid) and 3.1e-7 (Tanh) by test/bounds/kernel-error.test.ts; these are at least four times as much.
const kernelErrors: Record<ApproximatedKernel, number> = { Sigmoid: 1e-6, Tanh: 2e-6 }

const covered: Rounding = {
  mode: 'covered',
  gamma(roundings) {
    const error = roundings * unitRoundoff
    return error < 0.5 ? error / (1 - error) : Number.POSITIVE_INFINITY
  },
  // 2^24 products, each off by less than the smallest normal number 2^-126 even where subnormals are flushed to zero.
  underflow: 2 ** -102,
  kernelError: (kernel) => kernelErrors[kernel],
}

const ignored: Rounding = { mode: 'ignored', gamma: () => 0, underflow: 0, kernelError: () => 0 }

export function roundingOf(mode: RoundingMode): Rounding {
  return mode === 'covered' ? covered : ignored
}
