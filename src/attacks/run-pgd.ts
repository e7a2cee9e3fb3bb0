import type { CompiledGraph } from '../engine/compiled-graph.js'
import type { Feeds } from '../engine/engine.js'
import { boxAroundBall } from '../geometry/projection.js'
import { perturbationInBall } from '../geometry/random-perturbation.js'
import { floatTensor, intTensor } from '../graph/builder.js'
import { elementsPerSample, largestBatch } from '../model/predict-classes.js'
import type { AttackCandidates, AttackContext } from './attack.js'
import { perturbAtRandom } from './perturb.js'
import { type PgdGraphSettings, pgdGraph } from './pgd-graph.js'
import { batches, range, rowOf, takeRows, takeSamples } from './rows.js'
import { stillStanding } from './still-standing.js'

export interface PgdRun extends Omit<PgdGraphSettings, 'targeted'> {
  readonly steps: number
  /** Norm of a step, in input units, for a sample with the given radius. */
  stepSize(epsilon: number): number
  readonly randomStart: boolean
  readonly restarts: number
}

/** Runs the steps in the engine, some at a time; samples that are fooled, or that no step can fool any more, leave. */
export async function runPgd(context: AttackContext, settings: PgdRun): Promise<AttackCandidates> {
  const { model, inputs, labels, targets } = context
  const { norm, loss, restarts } = settings
  const targeted = targets !== undefined
  const graph = await model.compile(`pgd ${norm} ${loss} ${targeted ? 'targeted' : 'untargeted'}`, () =>
    pgdGraph(model.graph, { norm, loss, targeted }),
  )
  const candidates = {
    adversarial: Float32Array.from(inputs.data),
    steps: new Int32Array(labels.length),
    gradientQueries: new Int32Array(labels.length),
    vanishedGradients: new Uint8Array(labels.length).fill(1),
    interrupted: false,
  }
  let standing = range(labels.length)
  for (let restart = 0; restart < restarts && standing.length > 0; restart++) {
    if (settings.randomStart) {
      for (const sample of standing) {
        perturbAtRandom(context, norm, perturbationInBall, sample, candidates.adversarial)
      }
    }
    const parts = batches(standing, largestBatch(model.graph, 2))
    for (const [index, samples] of parts.entries()) {
      const report = (fraction: number) => context.progress((restart + (index + fraction) / parts.length) / restarts)
      const finished = await climb(context, settings, graph, samples, candidates, report)
      if (!finished) return { ...candidates, interrupted: true }
    }
    if (restart + 1 < restarts) standing = await stillStanding(context, candidates.adversarial, standing)
  }
  return candidates
}

/** All steps of one batch, in place. Returns false when the budget ends first. */
async function climb(
  context: AttackContext,
  settings: PgdRun,
  graph: CompiledGraph,
  samples: readonly number[],
  candidates: Required<AttackCandidates>,
  report: (fraction: number) => void,
): Promise<boolean> {
  const { model, budget } = context
  const size = model.domain.lower.length
  let active = samples
  let feeds = feedsFor(context, settings, samples, candidates.adversarial)
  let done = 0
  while (done < settings.steps && active.length > 0) {
    if (!(await budget.next())) return false
    const trips = Math.min(stepsPerRun(elementsPerSample(model.graph) * active.length), settings.steps - done)
    const { point, fooled, steps, slope } = await graph.run({ ...feeds, trips: intTensor([trips], []) })
    done += trips
    const queries = fooled.data.every(Boolean) ? Math.max(...Array.from(steps.data, Number)) + 1 : trips
    const kept: number[] = []
    active.forEach((sample, index) => {
      const before = rowOf(feeds.start.data as Float32Array, size, index)
      const after = rowOf(point.data as Float32Array, size, index)
      candidates.adversarial.set(after, sample * size)
      candidates.steps[sample] += Number(steps.data[index])
      candidates.gradientQueries[sample] += queries
      if (Number(slope.data[index]) !== 0) candidates.vanishedGradients[sample] = 0
      // Steps of fixed size from the same point repeat themselves, and none of these led to an adversarial example.
      const repeats = after.every((coordinate, feature) => coordinate === before[feature])
      if (!fooled.data[index] && !repeats) kept.push(index)
    })
    active = kept.map((index) => active[index])
    feeds = Object.fromEntries(
      Object.entries({ ...feeds, start: point }).map(([name, tensor]) => [name, takeRows(tensor, kept)]),
    )
    report(done / settings.steps)
  }
  return true
}

function feedsFor(
  { model, inputs, epsilons, labels, targets }: AttackContext,
  { stepSize }: PgdRun,
  samples: readonly number[],
  points: Float32Array,
): Feeds {
  const origin = takeSamples(inputs, samples)
  const { shape } = origin
  const size = model.domain.lower.length
  const lower = new Float32Array(origin.data.length)
  const upper = new Float32Array(origin.data.length)
  samples.forEach((sample, index) => {
    const box = boxAroundBall(rowOf(origin.data, size, index), epsilons![sample], model.domain)
    lower.set(box.lower, index * size)
    upper.set(box.upper, index * size)
  })
  const perSample = (value: (epsilon: number) => number) =>
    floatTensor(
      Float32Array.from(samples, (sample) => value(epsilons![sample])),
      [samples.length, ...model.featureShape.map(() => 1)],
    )
  return {
    start: floatTensor(takeSamples({ data: points, shape: inputs.shape }, samples).data, shape),
    origin: floatTensor(origin.data, shape),
    lower: floatTensor(lower, shape),
    upper: floatTensor(upper, shape),
    // Rounding in the graph must not lead out of the ball.
    epsilon: perSample((epsilon) => epsilon * (1 - 1e-6)),
    step: perSample(stepSize),
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
  }
}

// Between runs the event loop is served and fooled samples leave. The number depends on sizes only, not on the clock,
// so that the same seed gives the same result.
function stepsPerRun(elements: number): number {
  return Math.max(1, Math.min(10, Math.floor(2 ** 26 / elements)))
}
