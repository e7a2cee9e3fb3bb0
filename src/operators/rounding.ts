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
  /** Absolute error of a function that the runtime approximates, to which {@link relativeKernelError} comes. */
  kernelError(kernel: ApproximatedKernel): number
  /** Error of such a function relative to its result. */
  relativeKernelError(kernel: ApproximatedKernel): number
}

export type ApproximatedKernel = keyof typeof kernelErrors

// float32; used for the model's own arithmetic and for the bound's, which is never less precise.
const unitRoundoff = 2 ** -24

// Largest errors of onnxruntime's float32 kernels against float64 over all inputs were measured by
// test/bounds/kernel-error.test.ts; these are at least four times as much. docs/rounding.md lists what was measured.
const kernelErrors = {
  Sigmoid: { absolute: 1e-6, relative: 0 },
  Tanh: { absolute: 2e-6, relative: 0 },
  Elu: { absolute: 5e-7, relative: 0 },
  Erf: { absolute: 5e-7, relative: 0 },
  Exp: { absolute: 2 ** -100, relative: 5e-7 },
  Gelu: { absolute: 4e-6, relative: 1e-6 },
  HardSwish: { absolute: 2e-6, relative: 1e-6 },
  Log: { absolute: 1e-6, relative: 1e-6 },
  Pow: { absolute: 2 ** -100, relative: 5e-7 },
  Softplus: { absolute: 1e-6, relative: 1e-6 },
  // Correctly rounded.
  Sqrt: { absolute: 2 ** -100, relative: 2.5e-7 },
}

const covered: Rounding = {
  mode: 'covered',
  gamma(roundings) {
    const error = roundings * unitRoundoff
    return error < 0.5 ? error / (1 - error) : Number.POSITIVE_INFINITY
  },
  // 2^24 products, each off by less than the smallest normal number 2^-126 even where subnormals are flushed to zero.
  underflow: 2 ** -102,
  kernelError: (kernel) => kernelErrors[kernel].absolute,
  relativeKernelError: (kernel) => kernelErrors[kernel].relative,
}

const ignored: Rounding = {
  mode: 'ignored',
  gamma: () => 0,
  underflow: 0,
  kernelError: () => 0,
  relativeKernelError: () => 0,
}

export function roundingOf(mode: RoundingMode): Rounding {
  return mode === 'covered' ? covered : ignored
}
