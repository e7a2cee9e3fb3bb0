import { ModelError } from '../../errors.js'
import type { Graph } from '../../graph/graph.js'
import type { Inputs } from '../../sampling/samples.js'
import type { NativeInput } from './inputs.js'
import type { Layer, SymbolicTensor, TfjsLibrary, TfjsTensor } from './tfjs.js'

export type Compute = (inputs: TfjsTensor) => TfjsTensor

/** A model as TensorFlow.js runs it, of either kind. */
export interface NativeModel {
  /** It is a layers model, not a graph model. */
  readonly isLayers: boolean
  readonly input: NativeInput
  readonly output: string
  /** Names of all outputs. */
  readonly outputs: readonly string[]
  /** The output as it is. */
  readonly deployed: Compute
  /** What the output is an activation of, where that is a softmax or a sigmoid: rows, or with axes of size 1 besides. */
  readonly logits: Compute
  readonly activation: Activation | undefined
  /** Layers or operators, with the number of each. */
  readonly operators: Readonly<Record<string, number>>
  readonly parameters: number
  /**
   * The model as an ONNX graph up to what is tested of it.
   * @throws UntranslatableError where that is not possible.
   */
  translate(featureShape: readonly number[], tested: Tested): Promise<Graph>
}

/** What of a model is tested: its output as it is, or its logits. */
export interface Tested {
  readonly ofLogits: boolean
  readonly compute: Compute
  /** That of the output, or `logits`. */
  readonly name: string
  /** Of one sample. */
  readonly shape: readonly number[]
}

export type Activation = 'softmax' | 'sigmoid'

/** Where the logits of a layers model come from: a value, and the dense layer on top of it whose activation is left out. */
export interface LayersLogits {
  readonly value: SymbolicTensor
  readonly dense: Layer | undefined
}

export function countNames(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** One row per sample, where a sample has axes of size 1 besides, or none. */
export function rowOf(tf: TfjsLibrary, tensor: TfjsTensor): TfjsTensor {
  return tensor.shape.length === 2 ? tensor : tf.reshape(tensor, [tensor.shape[0], -1])
}

/** The outputs for some inputs, and their shape. */
export async function runNative(tf: TfjsLibrary, compute: Compute, { data, shape }: Inputs): Promise<Inputs> {
  return read(tf.tidy(() => compute(tf.tensor(data, shape))))
}

/** Gradient of Σ cotangents · outputs with respect to the inputs. `outputShape` is that of one sample. */
export async function runGradient(
  tf: TfjsLibrary,
  compute: Compute,
  { data, shape }: Inputs,
  cotangents: Float32Array,
  outputShape: readonly number[],
): Promise<Float32Array> {
  try {
    const gradient = tf.tidy(() =>
      tf.grad(compute)(tf.tensor(data, shape), tf.tensor(cotangents, [shape[0], ...outputShape])),
    )
    return (await read(gradient)).data
  } catch (error) {
    forgetTape(tf)
    throw error
  }
}

/** What TensorFlow.js keeps for a gradient it frees only where it could compute that. */
function forgetTape(tf: TfjsLibrary): void {
  const { state } = tf.engine()
  for (const { saved } of state?.activeTape ?? []) for (const tensor of saved ?? []) tensor.dispose()
  if (state) state.activeTape = null
}

/**
 * The numbers of a tensor, which is disposed of.
 * @throws ModelError for one that is not of float32 numbers.
 */
async function read(tensor: TfjsTensor): Promise<Inputs> {
  try {
    if (tensor.dtype !== 'float32') {
      throw new ModelError(`The output is ${tensor.dtype}; only outputs of float32 numbers can be tested.`)
    }
    return { data: Float32Array.from(await tensor.data()), shape: [...tensor.shape] }
  } finally {
    tensor.dispose()
  }
}
