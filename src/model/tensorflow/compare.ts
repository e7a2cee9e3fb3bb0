import { ModelError } from '../../errors.js'
import { randomSource } from '../../sampling/random.js'
import type { Inputs } from '../../sampling/samples.js'
import { applySoftmax } from '../fidelity.js'
import type { Model } from '../model.js'
import { vjp } from '../vjp.js'
import type { Activation } from './native.js'

// Sums in another order differ by far less than this; a misread layer differs by more.
const tolerance = 1e-4
// Gradients sum more, and a kink between the two roundings is possible.
const gradientTolerance = 1e-3

/** @throws ModelError unless the output is the activation of the logits, within rounding. */
export function checkActivation(logits: Inputs, deployed: Float32Array, activation: Activation | undefined): void {
  const { data, shape } = logits
  const expected = activation === 'sigmoid' ? data.map((score) => 1 / (1 + Math.exp(-score))) : data
  const difference = largestDifference(
    activation === 'softmax' ? applySoftmax(data, shape.at(-1)!, 'Softmax') : expected,
    deployed,
  )
  if (difference <= tolerance) return
  throw new ModelError(
    `The logits taken from the model do not give its output: they differ by ${difference} (relative). Please report this model.`,
  )
}

/**
 * Compares a translated model with the one that TensorFlow.js runs, which gives these outputs for some inputs: the outputs and, if
 * asked for, the gradients where TensorFlow.js has them.
 * @returns the differences of outputs and of gradients, each relative to the largest.
 * @throws ModelError when the outputs disagree.
 */
export async function compareTranslation(
  native: Model,
  translated: Model,
  { inputs, outputs, withGradients }: { inputs: Inputs; outputs: Float32Array; withGradients: boolean },
): Promise<{ readonly ofOutputs: number; readonly ofGradients: number | undefined }> {
  const ofOutputs = largestDifference(await translated.predict(inputs), outputs)
  if (!(ofOutputs <= tolerance)) {
    throw new ModelError(
      `The ONNX graph translated from the model disagrees with TensorFlow.js by ${ofOutputs} (relative). Please report this model.`,
    )
  }
  if (!withGradients) return { ofOutputs, ofGradients: undefined }
  const cotangents = Float32Array.from(outputs, randomSource(987_654_321).normal)
  const gradients = await vjp(native, inputs, cotangents).catch(() => undefined)
  const ofGradients = gradients && largestDifference(await vjp(translated, inputs, cotangents), gradients)
  return { ofOutputs, ofGradients }
}

/** Whether two runs give the same, but for sums in another order. */
export function agree(actual: Float32Array, expected: Float32Array): boolean {
  return actual.length === expected.length && largestDifference(actual, expected) <= tolerance
}

/** What to say of gradients that differ; nothing where they agree. */
export function gradientWarning(difference: number | undefined, backend: string): string[] {
  if (difference === undefined || difference <= gradientTolerance) return []
  return [
    `TensorFlow.js on its backend ${backend} gives gradients that differ from those of the translation by ${difference.toPrecision(2)} (relative). Attacks use those of the translation.`,
  ]
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), Number.MIN_VALUE)
  return actual.reduce((largest, value, index) => Math.max(largest, Math.abs(value - expected[index]) / scale), 0)
}
