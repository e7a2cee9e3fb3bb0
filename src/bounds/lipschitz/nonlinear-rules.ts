import type { Norm } from '../../geometry/norm.js'
import { elementCount, floatAttribute, type GraphNode, intAttribute, intsAttribute } from '../../graph/graph.js'
import type { RuleContext } from '../../operators/operator.js'
import { refuse } from '../../operators/refuse.js'
import { type Rounding, roundingOf } from '../../operators/rounding.js'
import { sampleShape } from '../../operators/samples.js'
import { type WindowGeometry, windowGeometry, windows } from '../../operators/windows.js'
import { mostWindows } from './convolution-norm.js'

/** How far outputs of an operator can lie apart, from how far its inputs do. */
export interface NonlinearRule {
  /** Lipschitz constant in the norm of the bound. */
  readonly lipschitz: number
  /** Error of the runtime's float32 kernel, relative to each output element. */
  readonly relativeError: number
  /** The same, absolute. */
  readonly absoluteError: number
  /** Larger numbers may overflow inside the kernel. */
  readonly largestInput?: number
  /** A relative error that grows with the input. */
  readonly growth?: ErrorGrowth
}

/** The relative error is larger by rate·m², m being the ℓ2 norm of an input over its channels at one position. */
export interface ErrorGrowth {
  readonly rate: number
  /** At most so many times the norm of a movement is that of its channels at one position. */
  readonly spread: number
}

const rounding: Rounding = roundingOf('covered')

type Rule = (node: GraphNode, norm: Norm, context: RuleContext) => NonlinearRule

const exact = (lipschitz: number): NonlinearRule => ({ lipschitz, relativeError: 0, absoluteError: 0 })

const rounded = (lipschitz: number, roundings: number): NonlinearRule => ({
  lipschitz,
  relativeError: rounding.gamma(roundings),
  absoluteError: rounding.underflow,
})

/** Elementwise operators that are no expansions, the s-shaped ones by their largest slope; pools; normalisation. */
export const nonlinearRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['Relu', () => exact(1)],
  ['Clip', () => exact(1)],
  ['Abs', () => exact(1)],
  ['Sigmoid', () => ({ lipschitz: 0.25, relativeError: 0, absoluteError: rounding.kernelError('Sigmoid') })],
  ['Tanh', () => ({ lipschitz: 1, relativeError: 0, absoluteError: rounding.kernelError('Tanh') })],
  ['LeakyRelu', (node) => rounded(Math.max(1, Math.abs(floatAttribute(node, 'alpha', 0.01))), 1)],
  ['PRelu', parametricRelu],
  ['MaxPool', (node, norm, context) => exact(overlap(node, norm, context))],
  ['GlobalMaxPool', () => exact(1)],
  ['LpPool', powerPool],
  ['LRN', localResponseNormalization],
])

function parametricRelu(node: GraphNode, _norm: Norm, context: RuleContext): NonlinearRule {
  const slopes = context.constant(node.inputs[1]) ?? refuse(node, 'its slope is not constant')
  return rounded(
    Array.from(slopes.data, Number).reduce((most, slope) => Math.max(most, Math.abs(slope)), 1),
    1,
  )
}

/** |max a − max b| ≤ ‖a − b‖ in every norm; an input that lies in m windows moves m outputs. */
function overlap(node: GraphNode, norm: Norm, context: RuleContext): number {
  if (norm === 'linf') return 1
  const most = mostWindows(windows(poolGeometry(node, context)).taps)
  return norm === 'l1' ? most : Math.sqrt(most)
}

/** Of a pool; a global one has one window. */
export function poolGeometry(node: GraphNode, context: RuleContext): WindowGeometry {
  const [, ...inputSizes] = sampleShape(node.inputs[0], node, context)
  if (node.operator.startsWith('Global')) return windowGeometry(node, inputSizes, inputSizes)
  const kernel = intsAttribute(node, 'kernel_shape')!
  return windowGeometry(node, inputSizes, kernel, intAttribute(node, 'ceil_mode', 0) === 1)
}

/** ‖a‖_P of each window: |‖a‖_P − ‖b‖_P| ≤ ‖a − b‖_P, which is at most n^max(0, 1/P − 1/p) times ‖a − b‖_p. */
function powerPool(node: GraphNode, norm: Norm, context: RuleContext): NonlinearRule {
  const power = intAttribute(node, 'p', 2)
  if (power < 1) refuse(node, 'its exponent is less than 1')
  const count = elementCount(intsAttribute(node, 'kernel_shape')!)
  const excess = Math.max(0, 1 / power - { linf: 0, l2: 0.5, l1: 1 }[norm])
  const lipschitz = overlap(node, norm, context) * count ** excess * (1 + 2 ** -40)
  // A power of every element, their sum, and a root; each power is off by a few units in the last place. Powers underflow.
  return {
    ...rounded(lipschitz, count + 64 + 8 * power),
    absoluteError: (count * 2 ** -120) ** (1 / power),
    largestInput: 2 ** (120 / power) / count,
  }
}

/**
 * y_i = x_i·s_i^−β with s_i = k + α/n·Σ x_j² over a window of n channels. The derivative is the diagonal s^−β ≤ k^−β
 * less a matrix whose rows have at most the norm k^−β·2·(β/(β+1))^(β+1), each over one window: β·2·(s − k)·s^(−β−1) is
 * largest at s = k·(β+1)/β. An input lies in at most n windows.
 */
function localResponseNormalization(node: GraphNode, norm: Norm, context: RuleContext): NonlinearRule {
  const [channels] = sampleShape(node.inputs[0], node, context)
  const [alpha, beta, bias] = [
    floatAttribute(node, 'alpha', 1e-4),
    floatAttribute(node, 'beta', 0.75),
    floatAttribute(node, 'bias', 1),
  ]
  // onnxruntime sees to it that alpha and beta are positive.
  if (!(bias > 0)) refuse(node, 'its bias is not positive')
  const size = intAttribute(node, 'size', 1)
  const width = Math.min(size, channels)
  const row = 2 * (beta / (beta + 1)) ** (beta + 1)
  const spread = norm === 'l1' ? (1 + width) / 2 : Math.sqrt(width)
  const lipschitz = bias ** -beta * (1 + row * spread) * (1 + 2 ** -40)
  // onnxruntime moves the window along the channels, adding one square and taking away another: what remains of the sum
  // has rounding errors relative to the squares of all channels, which (s − δ)^−β amplifies by up to β·2^(β+1) / s.
  const amplified = beta * 2 ** (beta + 1) * rounding.gamma(2 * channels + size + 8)
  return {
    ...rounded(lipschitz, 64),
    relativeError: amplified + rounding.gamma(64),
    growth: { rate: (amplified * alpha) / (size * bias), spread: norm === 'linf' ? Math.sqrt(channels) : 1 },
    largestInput: 2 ** 50,
  }
}
