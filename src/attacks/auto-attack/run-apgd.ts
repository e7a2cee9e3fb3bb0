import type { Feeds } from '../../engine/engine.js'
import { perturbationInBall, perturbationOnSphere } from '../../geometry/random-perturbation.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { ballFeeds } from '../iteration/ball-feeds.js'
import { perturbAtRandom } from '../iteration/perturb.js'
import { type LoopCandidates, runLoop } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { type ApgdGraphSettings, apgdGraph, apgdSchedules } from './apgd-graph.js'

export interface ApgdRun extends Omit<ApgdGraphSettings, 'aim'> {
  readonly restarts: number
}

// The forward pass, and the gradients on the way back.
const copies = 2

/**
 * Runs Auto-PGD from random starting points, `restarts` times for each of the `directions`, on the samples that still
 * stand. A direction has one class per sample that the loss leads to, while any class but the label counts as success.
 * Without directions the loss leads to the targets of the attack, or else away from the labels.
 */
export async function runApgd(
  context: AttackContext,
  candidates: LoopCandidates,
  settings: ApgdRun,
  directions?: readonly Int32Array[],
): Promise<AttackCandidates> {
  const { model, labels, targets } = context
  const { norm, loss, steps, rho, restarts } = settings
  const aim = directions ? 'towards' : targets ? 'targeted' : 'untargeted'
  const graph = await model.compile(`apgd ${norm} ${loss} ${steps} ${rho} ${aim}`, () =>
    apgdGraph(model.graph, { norm, loss, steps, rho, aim }),
  )
  const { adversarial, forwardQueries } = candidates
  const runs = (directions ?? [undefined]).flatMap((towards) => range(restarts).map(() => towards))
  let standing = range(labels.length)
  for (const [run, towards] of runs.entries()) {
    if (standing.length === 0) break
    const draw = norm === 'linf' ? perturbationInBall : perturbationOnSphere
    const parts = batches(standing, largestBatch(model, copies))
    for (const [index, samples] of parts.entries()) {
      const feeds = () => {
        perturbAtRandom(context, norm, draw, samples, adversarial)
        return feedsFor(context, settings, samples, adversarial, towards)
      }
      const report = (fraction: number) => context.progress((run + (index + fraction) / parts.length) / runs.length)
      const { finished } = await runLoop(context, candidates, { graph, samples, feeds, steps, copies, report })
      if (!finished) return { ...candidates, interrupted: true }
    }
    if (run + 1 < runs.length) standing = await stillStanding(context, adversarial, standing, forwardQueries)
  }
  return candidates
}

function feedsFor(
  context: AttackContext,
  { norm }: ApgdRun,
  samples: readonly number[],
  points: Float32Array,
  towards: Int32Array | undefined,
): Feeds {
  const { model, inputs, epsilons, labels, targets } = context
  const { data, shape } = takeSamples({ data: points, shape: inputs.shape }, samples)
  const start = floatTensor(data, shape)
  const perSample = [samples.length, ...model.featureShape.map(() => 1)]
  const { points: carried, memory } = apgdSchedules[norm]
  const starts = samples.map((sample) => memory(epsilons![sample], elementCount(model.featureShape)))
  const numbers = Object.keys(starts[0]).map((name) => [name, starts.map((start) => start[name])] as const)
  return {
    ...ballFeeds(context, norm, samples),
    ...Object.fromEntries(['point', 'highest', ...carried].map((name) => [`start:${name}`, start])),
    ...Object.fromEntries(
      [['highestLoss', samples.map(() => -3e38)] as const, ...numbers].map(([name, values]) => [
        `start:${name}`,
        floatTensor(Float32Array.from(values), perSample),
      ]),
    ),
    'start:highestGradient': floatTensor(new Float32Array(elementCount(shape)), shape),
    'start:iteration': intTensor(new Int32Array(samples.length), perSample),
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
    ...(towards && { towards: intTensor(samples.map((sample) => towards[sample])) }),
  }
}
