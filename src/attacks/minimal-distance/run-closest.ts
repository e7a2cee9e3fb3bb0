import type { CompiledGraph } from '../../engine/compiled-graph.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import type { Tensor } from '../../graph/graph.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { runLoop, unchanged } from '../iteration/run-loop.js'
import { ClosestPoints } from './closest-points.js'
import { nearestRivals } from './nearest-rivals.js'
import { settleAtBoundary } from './settle-at-boundary.js'

export interface ClosestRun {
  readonly norm: AttackNorm
  /** Gradient evaluations per sample in all. */
  readonly steps: number
  /** How many of the nearest classes are aimed at, one after the other. */
  readonly targetClasses: number
  /** What the loop carries, one number per sample, and the number it starts with. */
  readonly carried: Readonly<Record<string, number>>
  /** What the loop carries with one number per feature, starting with 0. Default: nothing. */
  readonly carriedPerFeature?: readonly string[]
  /** A compiled loop that keeps the closest adversarial point and takes so many steps. */
  graph(steps: number, targeted: boolean): Promise<CompiledGraph>
}

/** Runs of a loop hold all values of the model this often: the forward pass, and the gradients on the way back. */
export const copies = 2

/**
 * Runs a loop that keeps the closest adversarial point from each sample towards each of the nearest classes, and moves
 * the closest point of all to the decision boundary. Finding the nearest classes costs a gradient each, at most a tenth
 * of the steps.
 */
export async function runClosest(context: AttackContext, run: ClosestRun): Promise<AttackCandidates> {
  const { model, labels, targets } = context
  const candidates = unchanged(context)
  const aims = targets
    ? { rivals: [targets], queries: 0 }
    : await nearestRivals(context, run.norm, run.targetClasses, Math.floor(run.steps / 10), candidates.forwardQueries)
  const steps = Math.max(1, Math.floor((run.steps - aims.queries) / aims.rivals.length))
  const graph = await run.graph(steps, targets !== undefined)
  candidates.gradientQueries.fill(aims.queries)
  const parts = batches(range(labels.length), largestBatch(model, copies))
  for (const [index, samples] of parts.entries()) {
    const start = closestFeeds(context, samples, run.carried, run.carriedPerFeature)
    const closest = new ClosestPoints()
    let finished = true
    for (const [rank, rivals] of aims.rivals.entries()) {
      const report = (fraction: number) =>
        context.progress((index + (rank + fraction) / aims.rivals.length) / parts.length)
      const feeds = () => (targets ? start : { ...start, rivals: intTensor(samples.map((sample) => rivals[sample])) })
      const outcome = await runLoop(context, candidates, { graph, samples, feeds, steps, copies, report })
      closest.add(outcome)
      finished = outcome.finished
      if (!finished) break
    }
    const settled = await settleAtBoundary(context, candidates, run.norm, closest)
    if (!finished || !settled) return { ...candidates, interrupted: true }
  }
  return candidates
}

/** What every loop that keeps the closest point is fed, to start at the samples themselves. */
export function closestFeeds(
  { inputs, labels, targets }: AttackContext,
  samples: readonly number[],
  carried: Readonly<Record<string, number>>,
  carriedPerFeature: readonly string[] = [],
): Record<string, Tensor> {
  const { data, shape } = takeSamples(inputs, samples)
  const origin = floatTensor(data, shape)
  const zeros = floatTensor(new Float32Array(data.length), shape)
  const perSample = (value: number) => floatTensor(new Float32Array(samples.length).fill(value), [samples.length])
  return {
    origin,
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
    'start:point': origin,
    'start:best': origin,
    'start:bestDistance': perSample(Number.POSITIVE_INFINITY),
    ...Object.fromEntries(Object.entries(carried).map(([name, value]) => [`start:${name}`, perSample(value)])),
    ...Object.fromEntries(carriedPerFeature.map((name) => [`start:${name}`, zeros])),
  }
}
