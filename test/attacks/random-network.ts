import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import type { RandomSource } from '../../src/sampling/random.js'
import { denseModel } from '../tiny-models.js'

/** An untrained ReLU network with 8 inputs and 4 classes on the unit box, and samples of it. */
export async function randomNetwork(random: RandomSource, count = 40) {
  const [features, hidden, classes] = [8, 16, 4]
  const layer = (outputs: number, inputs: number) =>
    Array.from({ length: outputs }, () => Array.from({ length: inputs }, () => random.normal() / Math.sqrt(inputs)))
  const model: Classifier = await loadModel(
    denseModel({ weights: layer(hidden, features), activation: 'Relu' }, { weights: layer(classes, hidden) }),
    { domain: [0, 1] },
  )
  const data = Float32Array.from({ length: count * features }, () => random.uniform())
  return { model, inputs: { data, shape: [count, features] } }
}
