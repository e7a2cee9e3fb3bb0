import type { Feeds } from '../../engine/engine.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { boxWithinDomain } from '../../geometry/projection.js'
import { floatTensor } from '../../graph/builder.js'
import { rowOf, viewSamples } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/**
 * What a graph must know about the balls around the given samples: `origin`, `lower` and `upper` (the domain, for ℓ∞
 * within the ball) and `epsilon`, with axes of size 1 in place of the features.
 */
export function ballFeeds(
  { model, inputs, epsilons }: AttackContext,
  norm: AttackNorm,
  samples: readonly number[],
): Feeds {
  const { data: origin, shape } = viewSamples(inputs, samples)
  const size = model.domain.lower.length
  const lower = new Float32Array(origin.length)
  const upper = new Float32Array(origin.length)
  samples.forEach((sample, index) => {
    const box = { lower: rowOf(lower, size, index), upper: rowOf(upper, size, index) }
    if (norm === 'linf') {
      boxWithinDomain({ center: rowOf(origin, size, index), radius: epsilons![sample] }, model.domain, box)
    } else {
      box.lower.set(model.domain.lower)
      box.upper.set(model.domain.upper)
    }
  })
  // Rounding in the graph must not lead out of the ball.
  const radii = Float32Array.from(samples, (sample) => epsilons![sample] * (1 - 1e-6))
  return {
    origin: floatTensor(origin, shape),
    lower: floatTensor(lower, shape),
    upper: floatTensor(upper, shape),
    epsilon: floatTensor(radii, [samples.length, ...model.featureShape.map(() => 1)]),
  }
}
