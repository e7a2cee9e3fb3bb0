import { isAccelerator } from '../engine/device.js'
import { overlap } from '../engine/overlap.js'
import { ModelError } from '../errors.js'
import { elementCount, isBatch, type TypedGraph } from '../graph/graph.js'
import { batches, range } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { checkedPart, checkShape } from './check-inputs.js'
import type { Classifier } from './classifier.js'
import type { Model } from './model.js'

/**
 * Class predicted for each input: the first of the largest logits.
 * @throws SampleError when the inputs do not fit the model, ModelError when a logit is NaN.
 */
export async function predictClasses(model: Classifier, inputs: Inputs): Promise<Int32Array> {
  checkShape(inputs, model)
  const classes = new Int32Array(inputs.shape[0])
  const parts = batches(range(inputs.shape[0]), largestBatch(model))
  const predictPart = async ([first, ...others]: readonly number[]) =>
    model.predict(checkedPart(inputs, first, first + others.length + 1, model.domain))
  let sample = 0
  for await (const logits of overlap(parts, predictPart)) {
    for (let start = 0; start < logits.length; start += model.classes) {
      classes[sample++] = largestLogit(logits.subarray(start, start + model.classes))
    }
  }
  return classes
}

export function largestLogit(logits: Float32Array): number {
  let largest = 0
  for (let index = 0; index < logits.length; index++) {
    if (Number.isNaN(logits[index])) {
      throw new ModelError(
        'The model gives NaN in its output, for an input inside the domain: no class is predicted that could be checked.',
      )
    }
    if (logits[index] > logits[largest]) largest = index
  }
  return largest
}

// Beyond 256 samples a larger batch is no faster.
const mostSamples = 256

/** How many samples to run at once. `copies` counts how often a run holds all values of the graph. */
export function largestBatch(model: Pick<Model, 'graph' | 'description'>, copies = 1): number {
  const perSample = elementsPerSample(model.graph) * copies
  return Math.max(1, Math.min(mostSamples, Math.floor(elementsAtOnce(model) / perSample)))
}

/** float32 numbers that a run may hold: a quarter of a gigabyte, or one gigabyte where few would leave the device idle. */
export function elementsAtOnce({ description: { device } }: Pick<Model, 'description'>): number {
  return isAccelerator(device) ? 2 ** 28 : 2 ** 26
}

/** Numbers that one sample's forward pass computes. */
export function elementsPerSample({ values }: TypedGraph): number {
  let total = 0
  for (const { shape } of values.values()) {
    if (shape.some(isBatch)) total += elementCount(shape.map((size) => (isBatch(size) ? size.batch : size)))
  }
  return total
}
