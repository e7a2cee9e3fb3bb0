import { ModelError, SettingsError } from '../../errors.js'
import type { Inputs } from '../../sampling/samples.js'
import { areProbabilities } from '../probabilities.js'
import { checkActivation } from './compare.js'
import { type NativeModel, runNative } from './native.js'
import type { TfjsLibrary } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'

/** @throws ModelError unless the input is float32, of a known shape, with any number of samples or one at a time. */
export function checkInput({ input }: NativeModel, { featureShape: given, batchSize: most = 64 }: TfjsModelSettings) {
  // A graph model need not say its shape.
  const [batch, ...declared] = input.shape ?? [null, ...(given ?? [])]
  if (input.dtype !== 'float32') {
    throw new ModelError(`The input "${input.name}" is ${input.dtype}; attacks need a float32 input.`)
  }
  if (batch !== null && batch !== 1) {
    throw new ModelError(`The model is fixed to batches of ${batch}; it must take any number of samples, or one.`)
  }
  if (!(Number.isSafeInteger(most) && most > 0)) {
    throw new SettingsError(`batchSize must be a whole number of at least 1; it is ${most}.`)
  }
  const features = given ?? declared
  const printed = `[${(input.shape ?? []).map((size) => size ?? '?').join(', ')}]`
  if (features.length === 0 || features.some((size) => size === null)) {
    throw new ModelError(
      `The input "${input.name}" leaves sizes open: ${printed}. Give the shape of one sample, as in { featureShape: [224, 224, 3] }.`,
    )
  }
  if (features.length !== declared.length || declared.some((size, axis) => size !== null && size !== features[axis])) {
    throw new ModelError(
      `featureShape [${features.join(', ')}] contradicts the input "${input.name}" of shape ${printed}.`,
    )
  }
  return { featureShape: features as readonly number[], batchSize: batch === 1 ? 1 : most }
}

/**
 * Runs the model on one input, to see what it gives.
 * @throws ModelError when that is not one row of finite logits, or not what its output is an activation of.
 */
export async function tryOut(tf: TfjsLibrary, native: NativeModel, inputs: Inputs) {
  const deployed = await runNative(tf, native.deployed, inputs)
  const seen = native.activation && (await runNative(tf, native.logits, inputs))
  const isSingle = deployed.data.length === 1
  // Sigmoids of several scores do not compete.
  const seesThrough = seen !== undefined && (native.activation === 'sigmoid') === isSingle
  const logits = seesThrough ? seen : deployed
  const [, ...outputShape] = logits.shape
  if (!isSingle && outputShape.length !== 1) {
    throw new ModelError(
      `The output "${native.output}" has the shape [n, ${outputShape.join(', ')}]; a classifier gives logits of shape [n, classes], or one score per sample. If another output holds the logits, name it: loadTfjsModel(path, { output: '…' }); the model has ${native.outputs.map((name) => `"${name}"`).join(', ')}. Of TensorFlow.js only classifiers can be tested.`,
    )
  }
  if (!logits.data.every(Number.isFinite)) {
    throw new ModelError('The model gives outputs that are not finite (NaN or Infinity) on a random input.')
  }
  if (seesThrough) checkActivation(logits, deployed.data, native.activation)
  return {
    outputName: seesThrough ? 'logits' : native.output,
    outputShape,
    seesThrough,
    compute: seesThrough ? native.logits : native.deployed,
    probabilities: !isSingle && areProbabilities(logits.data, logits.data.length),
  }
}
