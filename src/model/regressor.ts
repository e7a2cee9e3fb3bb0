import type { Inputs } from '../sampling/samples.js'
import type { Model, ModelDescription, RegressorOutput } from './model.js'

/** A regressor under test: inputs in a box, numbers of any fixed shape as the output of each sample. */
export interface Regressor extends Model {
  readonly description: ModelDescription & { readonly output: RegressorOutput }
  /** Sizes of one sample's output, without the batch axis. */
  readonly outputShape: readonly number[]
  /** Lowest and highest number that outputs are meant to take; its width is the peak of the output's PSNR. */
  readonly outputRange: readonly [number, number]
  /** Products Jᵀ·c of the Jacobian at each input with a cotangent shaped like the output; shaped like the inputs. */
  vjp(inputs: Inputs, cotangents: Float32Array): Promise<Float32Array>
  /** Products J·t of the Jacobian at each input with a tangent shaped like the input; [n, ...outputShape]. */
  jvp(inputs: Inputs, tangents: Float32Array): Promise<Float32Array>
}
