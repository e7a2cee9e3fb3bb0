import type { GraphBuilder } from '../../../graph/builder.js'
import type { Value } from './value.js'

/** Weights of a layer: row-major. */
export interface Weights {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** A layer to translate. */
export interface LayerContext {
  readonly builder: GraphBuilder
  readonly config: Readonly<Record<string, unknown>>
  readonly weights: readonly Weights[]
  readonly inputs: readonly Value[]
  /** Shape of one sample of the output, channels last. */
  readonly outputShape: readonly number[]
}

/** Emits the operators of a layer at inference. */
export type LayerRule = (layer: LayerContext) => Value

/** A layer has a setting that is not translated. */
export class UntranslatableError extends Error {}
