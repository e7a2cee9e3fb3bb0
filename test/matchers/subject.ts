import type { Attack, AttackCandidates } from '../../src/attacks/attack.js'
import type { Bound } from '../../src/bounds/bound.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import type { Samples } from '../../src/sampling/samples.js'
import { denseModel } from '../tiny-models.js'

/** One feature in [0, 1]; class 1 above one half. The distance of x to the other class is |x − 0.5|. */
export function thresholdModel(name = 'threshold.onnx'): Promise<Classifier> {
  return loadModel(denseModel({ weights: [[-1], [1]], bias: [0.5, -0.5] }), { domain: [0, 1], name })
}

/** `count` samples of class 0, at 0, 0.01, 0.02 … */
export function samplesBelow(count: number): Samples {
  const data = Float32Array.from({ length: count }, (_, index) => index / 100)
  return { inputs: { data, shape: [count, 1] }, labels: new Int32Array(count) }
}

/** Fools the first samples that it is given, the closest ones last. */
export function fools(count: number, changes: Partial<AttackCandidates> = {}): Attack {
  return {
    name: 'stub',
    kind: 'fixed-epsilon',
    norm: 'linf',
    epsilon: 0.6,
    settings: { norm: 'linf', steps: 40, stepSize: 0.01 },
    run: async ({ inputs }) => ({
      adversarial: inputs.data.map((value, index) => (index < count ? 0.51 : value)),
      steps: new Int32Array(inputs.shape[0]).fill(1),
      gradientQueries: new Int32Array(inputs.shape[0]).fill(1),
      interrupted: false,
      ...changes,
    }),
  }
}

/** A bound that is exact for the threshold model, times a factor: above 1 it promises too much. */
export function exactBound(factor = 1, changes: Partial<Bound> = {}): Bound {
  return {
    name: 'exact',
    norm: 'linf',
    sound: true,
    settings: { rounding: 'covered' },
    margins: async ({ inputs, labels }, epsilon) => {
      const margins = new Float64Array(labels.length * 2)
      labels.forEach((label, sample) => {
        const distance = factor * Math.abs(inputs.data[sample] - 0.5)
        margins[2 * sample + (1 - label)] = 2 * (distance - epsilon[sample])
      })
      return margins
    },
    ...changes,
  }
}
