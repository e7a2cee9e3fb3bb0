import { ModelError } from '../../errors.js'
import { floatTensor } from '../../graph/builder.js'
import { vjpGraph } from '../../passes/jacobian-graphs.js'
import { randomSource } from '../../sampling/random.js'
import type { Inputs } from '../../sampling/samples.js'
import type { Classifier } from '../classifier.js'
import { applySoftmax } from '../fidelity.js'
import { probes } from '../probes.js'
import type { Activation } from './native.js'

// Sums in another order differ by far less than this; a misread layer differs by more.
const tolerance = 1e-4
// Gradients sum more, and a kink between the two roundings is possible.
const gradientTolerance = 1e-3
const count = 3

/** @throws ModelError unless the output is the activation of the logits, within rounding. */
export function checkActivation(logits: Inputs, deployed: Float32Array, activation: Activation | undefined): void {
  const { data, shape } = logits
  const expected = activation === 'sigmoid' ? data.map((score) => 1 / (1 + Math.exp(-score))) : data
  const difference = largestDifference(
    activation === 'softmax' ? applySoftmax(data, shape[1], 'Softmax') : expected,
    deployed,
  )
  if (difference <= tolerance) return
  throw new ModelError(
    `The logits taken from the model do not give its output: they differ by ${difference} (relative). Please report this model.`,
  )
}

/**
 * Compares a translated model with the one that TensorFlow.js runs, on random inputs of the domain: the logits and, if asked
 * for, the gradients where TensorFlow.js has them.
 * @returns the differences of logits and of gradients, each relative to the largest.
 * @throws ModelError when the logits disagree.
 */
export async function compareTranslation(
  native: Classifier,
  translated: Classifier,
  withGradients: boolean,
): Promise<{ readonly logits: number; readonly gradients: number | undefined }> {
  const inputs = probes(native.domain, native.featureShape, count)
  const logits = largestDifference(await translated.predict(inputs), await native.predict(inputs))
  if (!(logits <= tolerance)) {
    throw new ModelError(
      `The ONNX graph translated from the model disagrees with TensorFlow.js by ${logits} (relative). Please report this model.`,
    )
  }
  if (!withGradients) return { logits, gradients: undefined }
  const random = randomSource(987_654_321)
  const cotangents = Float32Array.from({ length: count * native.classes }, random.normal)
  const gradients = await gradientOf(native, inputs, cotangents).catch(() => undefined)
  return {
    logits,
    gradients: gradients && largestDifference(await gradientOf(translated, inputs, cotangents), gradients),
  }
}

/** What to say of gradients that differ; nothing where they agree. */
export function gradientWarning(difference: number | undefined, backend: string): string[] {
  if (difference === undefined || difference <= gradientTolerance) return []
  return [
    `TensorFlow.js on its backend ${backend} gives gradients that differ from those of the translation by ${difference.toPrecision(2)} (relative). Attacks use those of the translation.`,
  ]
}

async function gradientOf(model: Classifier, { data, shape }: Inputs, cotangents: Float32Array): Promise<Float32Array> {
  const vjp = await model.compile('vjp', () => vjpGraph(model.graph))
  const { product } = await vjp.run({
    [model.graph.inputs[0].name]: floatTensor(data, shape),
    cotangents: floatTensor(cotangents, [shape[0], model.classes]),
  })
  return product.data as Float32Array
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), Number.MIN_VALUE)
  return actual.reduce((largest, value, index) => Math.max(largest, Math.abs(value - expected[index]) / scale), 0)
}
