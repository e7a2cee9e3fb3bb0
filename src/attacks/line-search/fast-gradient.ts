import type { AttackNorm } from '../../geometry/norm.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, rowOf } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { unchanged } from '../iteration/run-loop.js'
import { lossAtSamples, lossCopies } from '../minimal-distance/adversarial-loss.js'
import { searchAlong, type Way } from './search-along.js'

/** One gradient per sample, and a search along what `directionOf` makes of each of its entries. */
export async function runFastGradient(
  context: AttackContext,
  norm: AttackNorm,
  directionOf: (derivative: number) => number,
): Promise<AttackCandidates> {
  const { model, labels, budget } = context
  const size = model.domain.lower.length
  const candidates = unchanged(context)
  const { steps, gradientQueries, vanishedGradients } = candidates
  const parts = batches(range(labels.length), largestBatch(model, lossCopies))
  for (const [index, samples] of parts.entries()) {
    if (!(await budget.next())) return { ...candidates, interrupted: true }
    const { gradients } = await lossAtSamples(context, samples)
    const ways: Way[] = []
    samples.forEach((sample, row) => {
      // The loss falls against its gradient.
      const direction = rowOf(gradients, size, row).map((derivative) => directionOf(-derivative))
      steps[sample] = 1
      gradientQueries[sample] = 1
      if (direction.every((entry) => entry === 0)) return
      vanishedGradients[sample] = 0
      ways.push({ sample, direction })
    })
    if (!(await searchAlong(context, ways, norm, candidates))) return { ...candidates, interrupted: true }
    context.progress((index + 1) / parts.length)
  }
  return candidates
}
