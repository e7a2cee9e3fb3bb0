import { allFinite } from '../../geometry/float32.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { rowOf } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { moveToBoundary } from '../iteration/move-to-boundary.js'
import type { LoopCandidates } from '../iteration/run-loop.js'
import type { ClosestPoints } from './closest-points.js'
import { restoreFeatures } from './restore-features.js'

// Within 2e-5 of the boundary.
const tolerance = 2 ** -16
// Rounding differs between the graph of the attack and the model as deployed: a point at the very boundary could fall back.
const push = 1e-3

/**
 * Makes candidates of the closest points, and moves them to the boundary: along the segment to the sample, or feature
 * by feature in ℓ0.
 * @returns false when the budget ends first; the candidates are valid all the same.
 */
export async function settleAtBoundary(
  context: AttackContext,
  candidates: LoopCandidates,
  norm: AttackNorm,
  closest: ClosestPoints,
): Promise<boolean> {
  const { model, inputs } = context
  const { adversarial, forwardQueries } = candidates
  const size = model.domain.lower.length
  const found = adopt(candidates, closest)
  for (const sample of found) {
    const [origin, candidate] = [inputs.data, adversarial].map((data) => rowOf(data, size, sample))
    for (let feature = 0; feature < size; feature++) {
      candidate[feature] += push * (candidate[feature] - origin[feature])
    }
    clipToDomain(candidate, model.domain)
  }
  return norm === 'l0'
    ? restoreFeatures(context, adversarial, found, forwardQueries)
    : moveToBoundary(context, adversarial, found, tolerance, forwardQueries)
}

/**
 * Makes candidates of the closest points as they are. Where nothing was found the sample itself stays the candidate,
 * unless the loop ended at a point that is not finite: that becomes the candidate, so that the failure is seen.
 * @returns The samples for which something was found.
 */
export function adopt({ adversarial }: AttackCandidates, closest: ClosestPoints): number[] {
  const found: number[] = []
  for (const [sample, { distance, point }] of closest.entries()) {
    const isFound = distance < Number.POSITIVE_INFINITY
    if (isFound) found.push(sample)
    if (isFound || !allFinite(point)) adversarial.set(point, sample * point.length)
  }
  return found
}
