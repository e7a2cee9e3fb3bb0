import type { TensorData } from '../../graph/graph.js'

/**
 * TensorFlow.js in any of its flavours: `import * as tf from '@tensorflow/tfjs'`, `@tensorflow/tfjs-node` and so on. Only
 * what tells it apart is declared, for its own types are known only where it is installed.
 */
export interface Tfjs {
  ready(): Promise<void>
  getBackend(): string
}

/** A model that TensorFlow.js has loaded: a layers model or a graph model. */
export interface TfjsModel {
  readonly inputs: readonly unknown[]
  readonly outputs: readonly unknown[]
  predict(inputs: never): unknown
}

/** What this package uses of TensorFlow.js. */
export interface TfjsLibrary extends Tfjs {
  readonly io: {
    fromMemory(artifacts: object): object
    withSaveHandler(save: (artifacts: TfjsArtifacts) => Promise<object>): object
  }
  setBackend(name: string): Promise<boolean>
  backend(): object
  /** `state` is none of its public interface. */
  engine(): {
    readonly state?: { activeTape: readonly { readonly saved?: readonly TfjsTensor[] }[] | null }
  }
  tensor(data: TensorData, shape: readonly number[], dtype?: string): TfjsTensor
  tile(tensor: TfjsTensor, repeats: readonly number[]): TfjsTensor
  tidy<Result>(compute: () => Result): Result
  grad(of: (x: TfjsTensor) => TfjsTensor): (x: TfjsTensor, cotangent: TfjsTensor) => TfjsTensor
  model(ends: { inputs: readonly SymbolicTensor[]; outputs: SymbolicTensor }): LayersModel
  matMul(left: TfjsTensor, right: TfjsTensor): TfjsTensor
  add(left: TfjsTensor, right: TfjsTensor): TfjsTensor
  reshape(tensor: TfjsTensor, shape: readonly number[]): TfjsTensor
  loadLayersModel(handler: object): Promise<LayersModel>
  loadGraphModel(handler: object): Promise<GraphModel>
}

export interface TfjsTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  data(): Promise<ArrayLike<number>>
  dispose(): void
}

/** A model as it is stored. */
export interface TfjsArtifacts {
  readonly modelTopology?: unknown
  readonly weightSpecs?: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly weightData?: ArrayBuffer | readonly ArrayBuffer[]
}

/** The value between two layers; null is the batch, or a size that is open. */
export interface SymbolicTensor {
  readonly id: number
  readonly name: string
  readonly dtype: string
  readonly shape: readonly (number | null)[]
  readonly sourceLayer: Layer
  readonly nodeIndex: number
  readonly tensorIndex: number
}

export interface Layer {
  readonly name: string
  readonly inboundNodes: readonly { readonly inputTensors: readonly SymbolicTensor[] }[]
  getClassName(): string
  getConfig(): Readonly<Record<string, unknown>>
  getWeights(): readonly TfjsTensor[]
}

export interface LayersModel extends Layer {
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
  readonly layers: readonly Layer[]
  apply(inputs: readonly TfjsTensor[], options: { training: boolean }): TfjsTensor
  apply(inputs: readonly SymbolicTensor[]): SymbolicTensor
  predict(inputs: TfjsTensor): TfjsTensor | readonly TfjsTensor[]
  countParams(): number
  save(handler: object): Promise<unknown>
  dispose(): unknown
}

/** Whether a model is used as that layer. */
export function isModel(layer: Layer): layer is LayersModel {
  return 'layers' in layer && 'outputs' in layer
}

export interface GraphModel {
  readonly inputs: readonly { readonly name: string; readonly dtype: string; readonly shape?: readonly number[] }[]
  readonly outputs: readonly { readonly name: string }[]
  /** Their names in the signature, where there is one. */
  readonly outputNodes: readonly string[]
  readonly weights: Readonly<Record<string, readonly TfjsTensor[]>>
  execute(inputs: readonly TfjsTensor[], output: string): TfjsTensor
  /** A single tensor for a single output. */
  execute(inputs: readonly TfjsTensor[], outputs: readonly string[]): TfjsTensor[] | TfjsTensor
  save(handler: object): Promise<unknown>
  dispose(): unknown
}
