import type { CompiledGraph } from '../engine/compiled-graph.js'
import type { Domain } from '../geometry/domain.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import type { Inputs } from '../sampling/samples.js'

/** What a loaded model says about itself; recorded with every check. */
export interface ModelDescription {
  /** File name, or the name given when loading. */
  readonly name: string
  /** SHA-256 of the model's bytes, hexadecimal. */
  readonly sha256: string
  readonly input: { readonly name: string; readonly featureShape: readonly number[] }
  /** A classifier has classes, a regressor has the shape and the range of one sample's output. */
  readonly output: ClassifierOutput | RegressorOutput
  /** Operator names with the number of nodes of each. */
  readonly operators: Readonly<Record<string, number>>
  readonly parameters: number
  readonly opset: number
  readonly device: string
  /** Largest difference between this package's graph and the untouched file on probe inputs, relative to the largest output. */
  readonly fidelity: number
  /** `one at a time` where the model cannot be run on several samples at once. */
  readonly batching: 'dynamic' | 'one at a time'
  /** What a user should know, such as probabilities where logits are expected. */
  readonly warnings: readonly string[]
}

export interface ClassifierOutput {
  readonly name: string
  readonly classes: number
}

export interface RegressorOutput {
  readonly name: string
  /** Sizes of one sample's output, without the batch axis. */
  readonly shape: readonly number[]
  readonly range: readonly [number, number]
}

/** A model under test: inputs in a box, one float32 output per sample. */
export interface Model {
  readonly description: ModelDescription
  /** Sizes of one sample, without the batch axis. */
  readonly featureShape: readonly number[]
  readonly domain: Domain
  /** The model as an ONNX graph from input to output: what the passes analyse. */
  readonly graph: TypedGraph
  /** Outputs [n, ...] of the model as deployed. */
  predict(inputs: Inputs): Promise<Float32Array>
  /** A graph made from this model, loaded into the engine once per key and freed by {@link close}. */
  compile(key: string, build: () => Graph): Promise<CompiledGraph>
  close(): Promise<void>
}
