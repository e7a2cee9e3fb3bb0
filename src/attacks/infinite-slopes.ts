import { floatTensor, intTensor } from '../graph/builder.js'
import type { Classifier } from '../model/classifier.js'
import { largestBatch } from '../model/predict-classes.js'
import { hasSteepOperators, steepGradientGraph } from '../passes/steep-gradient-graph.js'
import { batches, takeSamples } from '../sampling/rows.js'
import type { AttackContext } from './attack.js'

/** Differences of the two gradients, as shares of the larger number, that rounding does not make. */
const smallestShare = 1e-3

/** Those of some samples where a slope on the way to the margin is infinite, and counts as 0 in gradients. */
export async function samplesAtInfiniteSlopes(
  { model, inputs, labels }: Pick<AttackContext, 'model' | 'inputs' | 'labels'>,
  samples: readonly number[],
): Promise<number[]> {
  if (!hasSteepOperators(model.graph)) return []
  const found: number[] = []
  // Two gradients, and the forward pass.
  for (const part of batches(samples, largestBatch(model, 3)))
    found.push(...(await steepOnes(model, inputs, labels, part)))
  return found
}

async function steepOnes(
  model: Classifier,
  inputs: AttackContext['inputs'],
  labels: Int32Array,
  samples: readonly number[],
): Promise<number[]> {
  const compiled = await model.compile('steep gradient', () => steepGradientGraph(model.graph))
  const { data, shape } = takeSamples(inputs, samples)
  const { gradient, steep } = await compiled.run({
    [model.graph.inputs[0].name]: floatTensor(data, shape),
    labels: intTensor(samples.map((sample) => labels[sample])),
  })
  const [flat, inFull] = [gradient, steep].map((tensor) => tensor.data as Float32Array)
  const size = data.length / samples.length
  return samples.filter((_, row) => {
    for (let at = row * size; at < (row + 1) * size; at++) {
      const larger = Math.max(Math.abs(flat[at]), Math.abs(inFull[at]))
      if (Math.abs(inFull[at] - flat[at]) > smallestShare * larger) return true
    }
    return false
  })
}
