import type { Norm } from '../../src/geometry/norm.js'
import { perturbationInBall, perturbationOnSphere } from '../../src/geometry/random-perturbation.js'
import { elementCount } from '../../src/graph/graph.js'
import type { Classifier } from '../../src/model/classifier.js'
import { OnnxClassifier } from '../../src/model/onnx-classifier.js'
import type { DomainMode } from '../../src/passes/ball-settings.js'
import type { RandomSource } from '../../src/sampling/random.js'
import type { Inputs } from '../../src/sampling/samples.js'

/** Inputs spread over the domain of a model. */
export function randomInputs(model: Classifier, count: number, random: RandomSource): Inputs {
  const { lower, upper } = model.domain
  const data = Float32Array.from({ length: count * lower.length }, (_, index) => {
    const feature = index % lower.length
    return lower[feature] + random.uniform() * (upper[feature] - lower[feature])
  })
  return { data, shape: [count, ...model.featureShape] }
}

/** Smallest f_label − f_j [n, classes] that the model itself gives at points inside, on and at the corners of the balls. */
export async function sampledMargins(
  model: Classifier,
  inputs: Inputs,
  labels: ArrayLike<number>,
  epsilon: ArrayLike<number>,
  { norm, domain, points }: { norm: Norm; domain: DomainMode; points: number },
  random: RandomSource,
): Promise<Float64Array> {
  const { classes } = model
  const forward = await model.compile('forward', () => (model instanceof OnnxClassifier ? model.deployed : model.graph))
  const features = elementCount(model.featureShape)
  const least = new Float64Array(labels.length * classes).fill(Number.POSITIVE_INFINITY)
  for (let sample = 0; sample < labels.length; sample++) {
    const centre = inputs.data.subarray(sample * features, (sample + 1) * features)
    const data = new Float32Array(points * features)
    for (let point = 0; point < points; point++) {
      // Points well inside survive the rounding to float32.
      const radius = epsilon[sample] * (1 - 1e-6)
      const draw = [perturbationInBall, perturbationOnSphere, corner][point % 3]
      const step = point === 0 ? new Float64Array(features) : draw(norm, radius, features, random)
      for (let feature = 0; feature < features; feature++) {
        const moved = centre[feature] + step[feature]
        const clipped = Math.min(Math.max(moved, model.domain.lower[feature]), model.domain.upper[feature])
        data[point * features + feature] = domain === 'intersect' ? clipped : moved
      }
    }
    const results = await forward.run({
      [model.graph.inputs[0].name]: { type: 'float32', shape: [points, ...model.featureShape], data },
    })
    const logits = Object.values(results)[0].data as Float32Array
    for (let index = 0; index < logits.length; index++) {
      const margin = logits[index - (index % classes) + labels[sample]] - logits[index]
      const at = sample * classes + (index % classes)
      least[at] = Math.min(least[at], margin)
    }
  }
  return least
}

function corner(norm: Norm, radius: number, features: number, random: RandomSource): Float64Array {
  const step = new Float64Array(features)
  const sign = () => (random.uniform() < 0.5 ? -radius : radius)
  if (norm === 'linf') return step.map(sign)
  step[Math.floor(random.uniform() * features)] = sign()
  return step
}
