import { createHash } from 'node:crypto'
import { refuseUnknown, settingsOf } from '../arguments.js'
import { ModelError, SettingsError } from '../errors.js'
import { createDomain } from '../geometry/domain.js'
import { rowOf } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { gradientError, gradientTolerance, printGradientError } from './check-gradient.js'
import type { Classifier } from './classifier.js'
import { hostedGraph } from './hosted-graph.js'
import type { ModelSettings } from './model-settings.js'
import { OnnxClassifier } from './onnx-classifier.js'
import { prependPreprocessing } from './preprocessing.js'
import { probabilityWarnings } from './probabilities.js'
import { probes } from './probes.js'
import { withTwoLogits } from './two-logits.js'

/** A classifier as functions over batches: inputs are [n, ...featureShape], row-major, with n at most `batchSize`. */
export interface ClassifierFunctions {
  /**
   * Logits [n, classes], row-major. One number per sample is the score of class 1 against class 0, above 0 where class 1
   * is predicted.
   */
  predict(inputs: Inputs): ArrayLike<number> | Promise<ArrayLike<number>>
  /**
   * Gradient of Σ cotangents · logits with respect to the inputs, shaped like them; `cotangents` are shaped like what
   * `predict` returns. Default: none, which leaves the attacks that need no gradients.
   */
  gradient?(inputs: Inputs, cotangents: Float32Array): ArrayLike<number> | Promise<ArrayLike<number>>
}

export interface FunctionSettings extends Pick<ModelSettings, 'domain' | 'preprocessing'> {
  /** Shape of one sample. */
  readonly featureShape: readonly number[]
  /** Name in reports. */
  readonly name: string
  /** Most samples per call. Default 64. */
  readonly batchSize?: number
}

/**
 * A classifier from functions of your own, whatever they run on. Attacks run as on any other model; bounds need a graph of
 * operators and refuse it. The functions are tried on random inputs of the domain first: outputs must be finite, of the
 * right number, and the same for a sample every time, alone or in a batch; the gradient must agree with finite
 * differences. The SHA-256 of the description is that of these outputs.
 * @throws ModelError when the functions fail one of these tests; the message says which.
 * @throws SettingsError when the settings make no sense.
 */
export async function fromFunctions(functions: ClassifierFunctions, settings: FunctionSettings): Promise<Classifier> {
  checkSettings(functions, settings)
  const { featureShape, name, batchSize = 64, preprocessing } = settings
  const domain = createDomain(settings.domain, featureShape)
  const outputs = (await functions.predict(probes(domain, featureShape, 1)))?.length
  if (!(outputs >= 1)) {
    throw new ModelError(
      `${name}: predict returned no numbers for one sample. It must return the logits of its classes.`,
    )
  }
  const { gradient } = functions
  const called = hostedGraph({
    name,
    featureShape,
    output: 'logits',
    outputShape: [outputs],
    batchSize,
    predict: async (inputs) => numbers(name, 'predict', await functions.predict(inputs), inputs.shape[0] * outputs),
    gradient: gradient
      ? async (inputs, cotangents) => numbers(name, 'gradient', await gradient(inputs, cotangents), inputs.data.length)
      : 'it was made without a gradient function',
    opaque: 'it is a function',
  })
  const logits = outputs === 1 ? withTwoLogits(called) : called
  const graph = preprocessing ? prependPreprocessing(logits, preprocessing) : logits
  const graphs = { graph, deployed: graph }
  const description: Classifier['description'] = {
    name,
    sha256: '',
    input: { name: 'inputs', featureShape },
    output: { name: 'logits', classes: Math.max(outputs, 2) },
    operators: {},
    parameters: 0,
    opset: graph.opset,
    device: 'functions',
    fidelity: 0,
    batching: 'dynamic',
    warnings: [],
  }
  const untested = new OnnxClassifier(description, graphs, domain)
  const tried = await checkPredictions(untested)
  if (gradient) await checkGradient(untested)
  await untested.close()
  const sha256 = createHash('sha256').update(tried).digest('hex')
  // Next to a single score stands the logit 0, which is no probability less.
  return new OnnxClassifier({ ...description, sha256, warnings: probabilityWarnings(tried, outputs) }, graphs, domain)
}

function checkSettings(functions: ClassifierFunctions, settings: FunctionSettings): void {
  const {
    featureShape,
    name,
    batchSize = 1,
    domain,
    preprocessing,
    ...others
  } = settingsOf('fromFunctions', settings, "{ predict }, { featureShape: [2], domain: [0, 1], name: 'mine' }")
  refuseUnknown('fromFunctions', others)
  const refuse = (what: string) => {
    throw new SettingsError(`fromFunctions: ${what}.`)
  }
  const { predict, gradient } = functions ?? {}
  if (typeof predict !== 'function') refuse('predict must be a function from inputs to logits')
  if (gradient !== undefined && typeof gradient !== 'function')
    refuse('gradient must be a function, where there is one')
  if (typeof name !== 'string' || name === '') refuse('name must be a string, for the reports')
  const isSize = (size: number) => Number.isSafeInteger(size) && size > 0
  if (!Array.isArray(featureShape) || featureShape.length === 0 || !featureShape.every(isSize)) {
    refuse(`featureShape must be the shape of one sample, such as [28, 28, 1]; it is ${JSON.stringify(featureShape)}`)
  }
  if (!isSize(batchSize)) refuse(`batchSize must be a whole number of at least 1; it is ${batchSize}`)
}

/** A copy of what a function returned, as float32. */
function numbers(model: string, name: string, returned: ArrayLike<number>, expected: number): Float32Array {
  if (returned?.length === expected) return Float32Array.from(returned)
  const found = returned?.length === undefined ? `${returned}` : `${returned.length} numbers`
  throw new ModelError(`${model}: ${name} returned ${found} where ${expected} numbers were expected.`)
}

const tries = 3
// Rounding depends on the batch a little.
const steadiness = 1e-4

/** Logits of random inputs, which must be there, and must not change. */
async function checkPredictions(model: Classifier): Promise<Float32Array> {
  const { classes, description, domain, featureShape } = model
  const inputs = probes(domain, featureShape, tries)
  const logits = await model.predict(inputs)
  if (!logits.every(Number.isFinite)) {
    throw new ModelError(
      `${description.name}: predict gives outputs that are not finite (NaN or Infinity) on random inputs of the domain.`,
    )
  }
  const again = new Float32Array(logits.length)
  for (let sample = 0; sample < tries; sample++) {
    const alone = { data: rowOf(inputs.data, domain.lower.length, sample).slice(), shape: [1, ...featureShape] }
    again.set(await model.predict(alone), sample * classes)
  }
  const scale = logits.reduce((largest, value) => Math.max(largest, Math.abs(value)), Number.MIN_VALUE)
  const difference = logits.reduce((most, value, index) => Math.max(most, Math.abs(value - again[index]) / scale), 0)
  if (difference <= steadiness) return logits
  throw new ModelError(
    `${description.name}: predict gives other logits for a sample in a batch than for the same sample alone or a second time (they differ by ${difference}, relative). Is the model in training mode, with dropout or batch statistics, or does it draw random numbers?`,
  )
}

async function checkGradient(model: Classifier): Promise<void> {
  const error = await gradientError(model)
  if (error <= gradientTolerance) return
  throw new ModelError(
    `${model.description.name}: the gradient ${printGradientError(error)}. An attack along it would make the model look robust. It must be the gradient of Σ cotangents · logits; without one, leave it out.`,
  )
}
