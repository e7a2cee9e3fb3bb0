import type { Feeds } from '../engine/engine.js'
import { boxWithinDomain } from '../geometry/projection.js'
import { perturbationInBall } from '../geometry/random-perturbation.js'
import { floatTensor, intTensor } from '../graph/builder.js'
import { largestBatch } from '../model/predict-classes.js'
import { batches, range, rowOf, takeSamples } from '../sampling/rows.js'
import type { AttackCandidates, AttackContext } from './attack.js'
import { perturbAtRandom } from './perturb.js'
import { type PgdGraphSettings, pgdGraph } from './pgd-graph.js'
import { runLoop, unchanged } from './run-loop.js'
import { stillStanding } from './still-standing.js'

export interface PgdRun extends Omit<PgdGraphSettings, 'targeted'> {
  readonly steps: number
  /** Norm of a step, in input units, for a sample with the given radius. */
  stepSize(epsilon: number): number
  readonly randomStart: boolean
  readonly restarts: number
}

// The forward pass, and the gradients on the way back.
const copies = 2

export async function runPgd(context: AttackContext, settings: PgdRun): Promise<AttackCandidates> {
  const { model, labels, targets } = context
  const { norm, loss, steps, restarts, randomStart } = settings
  const targeted = targets !== undefined
  const graph = await model.compile(`pgd ${norm} ${loss} ${targeted ? 'targeted' : 'untargeted'}`, () =>
    pgdGraph(model.graph, { norm, loss, targeted }),
  )
  const candidates = unchanged(context)
  const { adversarial } = candidates
  let standing = range(labels.length)
  for (let restart = 0; restart < restarts && standing.length > 0; restart++) {
    if (randomStart) {
      for (const sample of standing) perturbAtRandom(context, norm, perturbationInBall, sample, adversarial)
    }
    const parts = batches(standing, largestBatch(model.graph, copies))
    for (const [index, samples] of parts.entries()) {
      const feeds = feedsFor(context, settings, samples, adversarial)
      const report = (fraction: number) => context.progress((restart + (index + fraction) / parts.length) / restarts)
      const { finished } = await runLoop(context, candidates, { graph, samples, feeds, steps, copies, report })
      if (!finished) return { ...candidates, interrupted: true }
    }
    if (restart + 1 < restarts) standing = await stillStanding(context, adversarial, standing)
  }
  return candidates
}

function feedsFor(
  { model, inputs, epsilons, labels, targets }: AttackContext,
  { norm, stepSize }: PgdRun,
  samples: readonly number[],
  points: Float32Array,
): Feeds {
  const { data: origin, shape } = takeSamples(inputs, samples)
  const size = model.domain.lower.length
  const lower = new Float32Array(origin.length)
  const upper = new Float32Array(origin.length)
  samples.forEach((sample, index) => {
    const ball = { center: rowOf(origin, size, index), radius: epsilons![sample] }
    const box = norm === 'linf' ? boxWithinDomain(ball, model.domain) : model.domain
    lower.set(box.lower, index * size)
    upper.set(box.upper, index * size)
  })
  const perSample = (value: (epsilon: number) => number) =>
    floatTensor(
      Float32Array.from(samples, (sample) => value(epsilons![sample])),
      [samples.length, ...model.featureShape.map(() => 1)],
    )
  return {
    'start:point': floatTensor(takeSamples({ data: points, shape: inputs.shape }, samples).data, shape),
    origin: floatTensor(origin, shape),
    lower: floatTensor(lower, shape),
    upper: floatTensor(upper, shape),
    // Rounding in the graph must not lead out of the ball.
    epsilon: perSample((epsilon) => epsilon * (1 - 1e-6)),
    step: perSample(stepSize),
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
  }
}
