import { euclideanNorm } from '../lipschitz/euclidean-norm.js'

/**
 * The formulas of Peck, "Lower bounds on the robustness to adversarial perturbations" (2017), as printed. Each takes the
 * robustness κ of the next layer and gives what the paper says is that of this layer. Several are false: docs/bounds.md.
 */

/** Theorem 1 and Theorem 4.2: a fully connected layer of n outputs with Jacobian norm J and second derivatives below M. */
export function fullyConnected(
  robustness: number,
  jacobian: number,
  secondDerivative: number,
  outputs: number,
): number {
  const curvature = secondDerivative * Math.sqrt(outputs)
  if (curvature === 0) return robustness / jacobian
  return (Math.sqrt(jacobian ** 2 + 2 * curvature * robustness) - jacobian) / curvature
}

/** Theorem 5.1: κ / ‖W‖_F. */
export function convolution(robustness: number, weights: ArrayLike<number>): number {
  return robustness / euclideanNorm(weights)
}

/** Theorem 5.3: κ / t for max and average pooling with t × t outputs. */
export function pooling(robustness: number, outputSizes: readonly number[]): number {
  return robustness / Math.sqrt(outputSizes.reduce((product, size) => product * size, 1))
}

/** Theorem 5.3: κ / (t·q^(2/p)) for Lp pooling over windows of q × q. */
export function powerPooling(
  robustness: number,
  outputSizes: readonly number[],
  kernel: readonly number[],
  power: number,
): number {
  return pooling(robustness, outputSizes) / kernel.reduce((product, size) => product * size, 1) ** (1 / power)
}

export interface ChannelStatistics {
  readonly scale: number
  readonly shift: number
  readonly mean: number
  /** Var + ε */
  readonly variance: number
}

/** Theorem 5.6, with `statistics` of the channel of every element of the input. */
export function batchNormalization(
  robustness: number,
  input: ArrayLike<number>,
  output: ArrayLike<number>,
  statistics: (element: number) => ChannelStatistics,
): number {
  const psi = (2 * robustness * euclideanNorm(output) + robustness ** 2) / input.length
  let largest = 0
  for (let element = 0; element < input.length; element++) {
    const { scale, shift, mean, variance } = statistics(element)
    const phi = scale / variance
    const chi = 2 * scale * (input[element] - mean) + 2 * shift * Math.sqrt(variance)
    const root = Math.sqrt((phi * chi) ** 2 + 4 * phi * scale * psi)
    const roots = [-(root + phi * chi), root - phi * chi].map((value) => Math.abs(value / (2 * phi * scale)))
    const distance = Math.min(...roots)
    // A scale of 0 makes the bound of that element trivial.
    if (distance > largest) largest = distance
  }
  return largest
}

/** As the paper has them: α is not divided by the number of channels of a window. */
export interface ResponseNormalization {
  readonly alpha: number
  readonly beta: number
  readonly bias: number
  /** The elements of the window around an element, itself included. */
  window(element: number): readonly number[]
}

/** Theorem 5.9 with Lemma 5.11. */
export function localResponseNormalization(
  robustness: number,
  input: ArrayLike<number>,
  { alpha, beta, bias, window }: ResponseNormalization,
): number {
  const elements = Array.from(input)
  const scales = elements.map((_, element) => {
    return bias + alpha * window(element).reduce((sum, other) => sum + input[other] ** 2, 0)
  })
  const outputs = elements.map((value, element) => value * scales[element] ** -beta)
  const share = (euclideanNorm(outputs) + robustness) / Math.sqrt(elements.length)
  const most = elements.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  const secondDerivative =
    4 * most * alpha * beta * (most ** 2 * alpha * (beta + 1) * bias ** (-beta - 2) + bias ** (-beta - 1)) +
    2 * most * alpha * beta * bias ** (-beta - 1)
  let largest = 0
  elements.forEach((value, element) => {
    const missing = share - Math.abs(outputs[element])
    if (missing <= 0) return
    const pull = -2 * value * alpha * beta * scales[element] ** (-beta - 1)
    const gradient = window(element).map((other) => {
      return pull * elements[other] + (other === element ? scales[element] ** -beta : 0)
    })
    const slope = euclideanNorm(gradient)
    const distance =
      secondDerivative === 0
        ? missing / slope
        : (Math.sqrt(slope ** 2 + 2 * secondDerivative * missing) - slope) / secondDerivative
    largest = Math.max(largest, distance)
  })
  return largest
}
