import type { Norm } from '../../src/geometry/norm.js'
import { loadModel } from '../../src/model/load-model.js'
import type { RandomSource } from '../../src/sampling/random.js'
import { denseModel } from '../tiny-models.js'

const dualNorms: Record<Norm, (weights: readonly number[]) => number> = {
  linf: (weights) => weights.reduce((sum, weight) => sum + Math.abs(weight), 0),
  l2: (weights) => Math.hypot(...weights),
  l1: (weights) => Math.max(...weights.map(Math.abs)),
}

/** A linear classifier, samples of it, and their exact distances to the nearest other class. */
export async function linearCase(random: RandomSource, { features = 6, classes = 3, count = 8 } = {}) {
  const float = (value: number) => Math.fround(value)
  const row = () => Array.from({ length: features }, () => float(random.normal()))
  const weights = Array.from({ length: classes }, row)
  const bias = weights.map(() => float(random.normal()))
  const model = await loadModel(denseModel({ weights, bias }), { domain: [-50, 50] })
  const samples = Array.from({ length: count }, row)
  const inputs = { data: Float32Array.from(samples.flat()), shape: [count, features] }
  const logits = (sample: readonly number[]) =>
    weights.map((weight, label) => weight.reduce((sum, entry, feature) => sum + entry * sample[feature], bias[label]))
  const labels = samples.map((sample) => logits(sample).indexOf(Math.max(...logits(sample))))

  const distanceTo = (sample: number, rival: number, norm: Norm) => {
    const scores = logits(samples[sample])
    const difference = weights[labels[sample]].map((weight, feature) => weight - weights[rival][feature])
    return (scores[labels[sample]] - scores[rival]) / dualNorms[norm](difference)
  }
  const distances = (norm: Norm) =>
    samples.map((_, sample) =>
      Math.min(...weights.map((_, rival) => (rival === labels[sample] ? Infinity : distanceTo(sample, rival, norm)))),
    )
  return { model, inputs, labels, distances }
}
