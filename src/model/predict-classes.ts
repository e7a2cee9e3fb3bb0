import { ModelError } from '../errors.js'
import { elementCount, isBatch, type TypedGraph } from '../graph/graph.js'
import type { Inputs } from '../sampling/samples.js'
import type { Classifier } from './classifier.js'

/**
 * Class predicted for each input: the first of the largest logits.
 * @throws ModelError when a logit is NaN.
 */
export async function predictClasses(model: Classifier, { data, shape }: Inputs): Promise<Int32Array> {
  const [count, ...featureShape] = shape
  const size = elementCount(featureShape)
  const most = largestBatch(model.graph)
  const classes = new Int32Array(count)
  for (let start = 0; start < count; start += most) {
    const end = Math.min(start + most, count)
    const logits = await model.predict({
      data: data.subarray(start * size, end * size),
      shape: [end - start, ...featureShape],
    })
    for (let sample = start; sample < end; sample++) {
      const row = logits.subarray((sample - start) * model.classes, (sample - start + 1) * model.classes)
      classes[sample] = largestLogit(row)
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

// A quarter of a gigabyte of float32 values per run; beyond 256 samples a larger batch is no faster.
const mostElements = 2 ** 26
const mostSamples = 256

/** How many samples to run at once. `copies` counts how often a run holds all values of the graph. */
export function largestBatch(graph: TypedGraph, copies = 1): number {
  const perSample = elementsPerSample(graph) * copies
  return Math.max(1, Math.min(mostSamples, Math.floor(mostElements / perSample)))
}

/** Numbers that one sample's forward pass computes. */
export function elementsPerSample({ values }: TypedGraph): number {
  let total = 0
  for (const { shape } of values.values()) {
    if (shape.some(isBatch)) total += elementCount(shape.map((size) => (isBatch(size) ? size.batch : size)))
  }
  return total
}
