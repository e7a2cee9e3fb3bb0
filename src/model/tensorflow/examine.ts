import { ModelError, SettingsError } from '../../errors.js'
import type { Inputs } from '../../sampling/samples.js'
import { checkActivation } from './compare.js'
import { type NativeModel, rowOf, runNative, type Tested } from './native.js'
import type { TfjsLibrary, TfjsTensor } from './tfjs.js'
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

/** What of a model is tested, and what that gives for the input that it was tried on. */
export interface Tried {
  readonly tested: Tested
  readonly outputs: Float32Array
}

/**
 * Runs the model on one input, to see what a classifier gives.
 * @throws ModelError when that is not one row of finite logits, or not what its output is an activation of.
 */
export async function tryClassifier(tf: TfjsLibrary, native: NativeModel, input: Inputs): Promise<Tried> {
  const deployed = await runOnce(tf, native, input)
  const seen = native.activation && (await runNative(tf, native.logits, input))
  const isSingle = deployed.data.length === 1
  // Sigmoids of several scores do not compete, nor do those of several softmaxes that are put into a row.
  const isRow = native.activation === 'sigmoid' ? isSingle : !isSingle && seen?.shape.at(-1) === deployed.data.length
  const ofLogits = seen !== undefined && isRow
  if (!isSingle && deployed.shape.length !== 2) {
    throw new ModelError(
      `${describeOutput(native, deployed)}; a classifier gives logits of shape [n, classes], or one score per sample. A regressor is loaded by loadTfjsRegressor(). If another output holds the logits, name it: loadTfjsModel(path, { output: '…' }); ${listOutputs(native)}`,
    )
  }
  if (ofLogits) checkActivation(seen, deployed.data, native.activation)
  const { data: outputs } = ofLogits ? seen : deployed
  const run = ofLogits ? native.logits : native.deployed
  const compute = (inputs: TfjsTensor) => rowOf(tf, run(inputs))
  return { tested: { ofLogits, compute, name: ofLogits ? 'logits' : native.output, shape: [outputs.length] }, outputs }
}

/**
 * Runs the model on one input, to see what a regressor gives.
 * @throws ModelError when that is not finite, or one number without an axis of its own.
 */
export async function tryRegressor(tf: TfjsLibrary, native: NativeModel, input: Inputs): Promise<Tried> {
  const deployed = await runOnce(tf, native, input)
  const [, ...shape] = deployed.shape
  if (shape.length === 0) {
    throw new ModelError(
      `${describeOutput(native, deployed)}; a regressor gives outputs of shape [n, ...]. If another output is meant, name it: loadTfjsRegressor(path, { output: '…' }); ${listOutputs(native)}`,
    )
  }
  return { tested: { ofLogits: false, compute: native.deployed, name: native.output, shape }, outputs: deployed.data }
}

async function runOnce(tf: TfjsLibrary, native: NativeModel, input: Inputs): Promise<Inputs> {
  const deployed = await runNative(tf, native.deployed, input)
  if (deployed.shape[0] !== 1) {
    throw new ModelError(
      `The output "${native.output}" has the shape [${deployed.shape.join(', ')}] for one sample; it must have the batch first. If another output is meant, name it: { output: '…' }; ${listOutputs(native)}`,
    )
  }
  if (!deployed.data.every(Number.isFinite)) {
    throw new ModelError('The model gives outputs that are not finite (NaN or Infinity) on a random input.')
  }
  return deployed
}

function describeOutput({ output }: NativeModel, { shape: [, ...sizes] }: Inputs): string {
  return `The output "${output}" has the shape [${['n', ...sizes].join(', ')}]`
}

function listOutputs({ outputs }: NativeModel): string {
  return `the model has ${outputs.map((name) => `"${name}"`).join(', ')}.`
}
