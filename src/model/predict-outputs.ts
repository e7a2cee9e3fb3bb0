import { ModelError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { batches, range } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { checkedPart, checkShape } from './check-inputs.js'
import { largestBatch } from './predict-classes.js'
import type { Regressor } from './regressor.js'

/**
 * Outputs [n, ...outputShape], in as many runs as memory asks for.
 * @throws SampleError when the inputs do not fit the model.
 * @throws ModelError when one of them is not finite: no error of it could be told.
 */
export async function predictOutputs(model: Regressor, inputs: Inputs): Promise<Float32Array> {
  checkShape(inputs, model)
  const size = elementCount(model.outputShape)
  const outputs = new Float32Array(inputs.shape[0] * size)
  for (const [first, ...others] of batches(range(inputs.shape[0]), largestBatch(model))) {
    const part = checkedPart(inputs, first, first + others.length + 1, model.domain)
    outputs.set(await model.predict(part), first * size)
  }
  const wrong = outputs.findIndex((output) => !Number.isFinite(output))
  if (wrong < 0) return outputs
  throw new ModelError(
    `The model gives ${outputs[wrong]} in its output for sample ${Math.floor(wrong / size)}, an input inside the domain: the error of such an output cannot be told.`,
  )
}
