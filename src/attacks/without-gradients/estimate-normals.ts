import { lengthOf } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, rowOf } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'
import type { Decisions } from './decisions.js'

/** A point of the boundary where the normal is looked for. */
export interface ProbedPoint {
  readonly sample: number
  readonly point: Float32Array
  /** How far away the model is asked. */
  readonly radius: number
  /** How often. */
  readonly evaluations: number
}

/**
 * Directions that lead from the boundary into the adversarial side, of ℓ2 norm 1: the mean of random probes, weighted by
 * whether they are adversarial (equation 16 of HopSkipJump). Probes are clipped to the domain first.
 */
export async function estimateNormals(
  { model, random }: AttackContext,
  decisions: Decisions,
  places: readonly ProbedPoint[],
): Promise<Float64Array[]> {
  const { domain } = model
  const size = domain.lower.length
  const sums = places.map(() => ({
    adversarial: new Float64Array(size),
    other: new Float64Array(size),
    adversarialCount: 0,
  }))
  const owners = places.flatMap(({ evaluations }, place) => range(evaluations).map(() => place))
  for (const batch of batches(owners, largestBatch(model))) {
    const probes = new Float32Array(batch.length * size)
    batch.forEach((place, row) => {
      const { sample, point, radius } = places[place]
      const probe = rowOf(probes, size, row)
      const noise = Float64Array.from({ length: size }, random[sample].normal)
      const scale = radius / lengthOf('l2', noise)
      for (let feature = 0; feature < size; feature++) probe[feature] = point[feature] + scale * noise[feature]
      clipToDomain(probe, domain)
    })
    const answers = await decisions.areAdversarial(
      batch.map((place) => places[place].sample),
      probes,
    )
    batch.forEach((place, row) => {
      const { point } = places[place]
      const probe = rowOf(probes, size, row)
      const sum = answers[row] ? sums[place].adversarial : sums[place].other
      for (let feature = 0; feature < size; feature++) sum[feature] += probe[feature] - point[feature]
      if (answers[row]) sums[place].adversarialCount++
    })
  }
  return sums.map(({ adversarial, other, adversarialCount }, place) => {
    const otherCount = places[place].evaluations - adversarialCount
    // The difference of the two means points the way that votes minus their mean do.
    const direction = adversarial.map(
      (sum, feature) => sum / (adversarialCount || 1) - other[feature] / (otherCount || 1),
    )
    const length = lengthOf('l2', direction) || 1
    return direction.map((entry) => entry / length)
  })
}
