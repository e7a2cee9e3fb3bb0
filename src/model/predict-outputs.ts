import { ModelError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { batches, range, takeSamples } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { largestBatch } from './predict-classes.js'
import type { Regressor } from './regressor.js'

/**
 * Outputs [n, ...outputShape], in as many runs as memory asks for.
 * @throws ModelError when one of them is not finite: no error of it could be told.
 */
export async function predictOutputs(model: Regressor, inputs: Inputs): Promise<Float32Array> {
  const size = elementCount(model.outputShape)
  const outputs = new Float32Array(inputs.shape[0] * size)
  for (const part of batches(range(inputs.shape[0]), largestBatch(model))) {
    outputs.set(await model.predict(takeSamples(inputs, part)), part[0] * size)
  }
  const wrong = outputs.findIndex((output) => !Number.isFinite(output))
  if (wrong < 0) return outputs
  throw new ModelError(
    `The model gives ${outputs[wrong]} in its output for sample ${Math.floor(wrong / size)}, an input inside the domain: the error of such an output cannot be told.`,
  )
}
