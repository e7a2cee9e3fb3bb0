import { type AttackNorm, exponent } from '../../src/geometry/norm.js'
import { loadModel } from '../../src/model/load-model.js'
import type { RandomSource } from '../../src/sampling/random.js'
import { denseModel } from '../tiny-models.js'

function dualNorm(weights: readonly number[], norm: AttackNorm): number {
  const p = exponent(norm)
  if (p === 1) return Math.max(...weights.map(Math.abs))
  const q = p === Number.POSITIVE_INFINITY ? 1 : p / (p - 1)
  return weights.reduce((sum, weight) => sum + Math.abs(weight) ** q, 0) ** (1 / q)
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

  const distanceTo = (sample: number, rival: number, norm: AttackNorm) => {
    const scores = logits(samples[sample])
    const difference = weights[labels[sample]].map((weight, feature) => weight - weights[rival][feature])
    return (scores[labels[sample]] - scores[rival]) / dualNorm(difference, norm)
  }
  const distances = (norm: AttackNorm) =>
    samples.map((_, sample) =>
      Math.min(...weights.map((_, rival) => (rival === labels[sample] ? Infinity : distanceTo(sample, rival, norm)))),
    )
  return { model, inputs, labels, weights, distances }
}
