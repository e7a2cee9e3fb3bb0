import type { LossName } from '../passes/losses.js'
import type { Inputs } from '../sampling/samples.js'
import type { ClassifierOutput, Model, ModelDescription } from './model.js'

/** A classifier under test: inputs in a box, one logit per class. */
export interface Classifier extends Model {
  readonly description: ModelDescription & { readonly output: ClassifierOutput }
  readonly classes: number
  /** Gradient, shaped like the inputs, of the loss summed over the samples. */
  inputGradient(inputs: Inputs, labels: ArrayLike<number>, loss: LossName): Promise<Float32Array>
}
