import type { CompiledGraph } from '../../engine/compiled-graph.js'
import type { Feeds } from '../../engine/engine.js'
import { SettingsError } from '../../errors.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { perturbationInBall, perturbationOnSphere } from '../../geometry/random-perturbation.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import type { Classifier } from '../../model/classifier.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { ballFeeds } from '../iteration/ball-feeds.js'
import { type DrawPerturbation, perturbAtRandom } from '../iteration/perturb.js'
import { type LoopCandidates, runLoop, unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import type { Subsets } from './best-subset.js'
import { identify } from './identify.js'
import { type PerturbationLoss, perturbationAnalysisGraph } from './perturbation-analysis-graph.js'

export interface PerturbationAnalysisRun {
  readonly norm: AttackNorm
  readonly loss: PerturbationLoss
  readonly steps: number
  /** Norm of a step, in input units, for a sample with the given radius. */
  stepSize(epsilon: number): number
  /** Whether to start at random in the ball, or how far from the sample, as a fraction of the radius. */
  readonly randomStart: boolean | number
  /** Norm of the dither at each step, as a fraction of the radius. */
  readonly dithers: readonly number[]
  readonly restarts: number
  readonly subsets: Subsets | undefined
  readonly surrogates: readonly Classifier[] | undefined
}

/** Runs the norm-constrained steps of all samples, batch by batch. */
export async function runPerturbationAnalysis(
  context: AttackContext,
  settings: PerturbationAnalysisRun,
): Promise<AttackCandidates> {
  const candidates = await run(context, settings)
  if (!settings.surrogates) return candidates
  // The model under test runs forwards only.
  const { gradientQueries, forwardQueries } = candidates
  const { length } = settings.surrogates
  return {
    ...candidates,
    forwardQueries: forwardQueries.map((checks, sample) => checks + gradientQueries[sample]),
    gradientQueries: gradientQueries.map((steps) => steps * length),
  }
}

async function run(context: AttackContext, settings: PerturbationAnalysisRun): Promise<LoopCandidates> {
  const { model, labels } = context
  const { norm, steps, restarts, randomStart, surrogates = [] } = settings
  const graph = await compile(context, settings)
  // The forward passes, and the gradients on the way back.
  const models = [model, ...surrogates]
  const copies = 2 * models.length
  const largest = Math.min(...models.map((each) => largestBatch(each, copies)))
  const candidates = unchanged(context)
  const { adversarial, forwardQueries } = candidates
  let standing = range(labels.length)
  for (let restart = 0; restart < restarts && standing.length > 0; restart++) {
    const parts = batches(standing, largest)
    for (const [index, part] of parts.entries()) {
      let samples = part
      let done = 0
      for (const { dither, length } of stretches(settings.dithers)) {
        const feeds = () => {
          if (done === 0 && randomStart !== false) {
            const draw = randomStart === true ? perturbationInBall : onSphere(randomStart)
            perturbAtRandom(context, norm, draw, samples, adversarial)
          }
          const bases = isDithered(settings.dithers)
            ? takeSamples({ data: adversarial, shape: context.inputs.shape }, samples).data
            : undefined
          if (dither > 0) perturbAtRandom(context, norm, onSphere(dither), samples, adversarial, adversarial)
          return feedsFor(context, settings, samples, adversarial, bases)
        }
        const report = (fraction: number) =>
          context.progress((restart + (index + (done + fraction * length) / steps) / parts.length) / restarts)
        const outcome = await runLoop(context, candidates, { graph, samples, feeds, steps: length, copies, report })
        if (!outcome.finished) return { ...candidates, interrupted: true }
        samples = outcome.samples
        done += length
      }
    }
    if (restart + 1 < restarts) standing = await stillStanding(context, adversarial, standing, forwardQueries)
  }
  return candidates
}

const onSphere =
  (fraction: number): DrawPerturbation =>
  (norm, radius, dimension, random, perturbation) =>
    perturbationOnSphere(norm, fraction * radius, dimension, random, perturbation)

/** The steps, cut where a dither is added. */
function stretches(dithers: readonly number[]): { dither: number; length: number }[] {
  const cuts = range(dithers.length).filter((step) => step === 0 || dithers[step] > 0)
  return cuts.map((from, index) => ({ dither: dithers[from], length: (cuts[index + 1] ?? dithers.length) - from }))
}

function compile(
  { model, targets }: AttackContext,
  { norm, loss, dithers, subsets, surrogates }: PerturbationAnalysisRun,
): Promise<CompiledGraph> {
  for (const { description, featureShape, classes } of surrogates ?? []) {
    if (featureShape.join() === model.featureShape.join() && classes === model.classes) continue
    throw new SettingsError(
      `The surrogate ${description.name} takes inputs of shape [${featureShape.join(', ')}] to ${classes} classes; the model under test takes [${model.featureShape.join(', ')}] to ${model.classes}.`,
    )
  }
  const last = model.domain.lower.length - 1
  const outside = subsets?.flat().find((feature) => feature > last)
  if (outside !== undefined) {
    throw new SettingsError(`A subset has the feature ${outside}; the features of the model are numbered 0 to ${last}.`)
  }
  const targeted = targets !== undefined
  const dithered = isDithered(dithers)
  const key = [
    `perturbationAnalysis ${norm} ${loss} ${targeted ? 'targeted' : 'untargeted'} ${dithered ? 'dithered' : ''}`,
    `subsets ${subsets && identify(subsets)} surrogates ${surrogates?.map(identify)}`,
  ]
  return model.compile(key.join(' '), () =>
    perturbationAnalysisGraph(model.graph, {
      norm,
      loss,
      targeted,
      dithered,
      subsets,
      surrogates: surrogates?.map(({ graph }) => graph),
    }),
  )
}

function isDithered(dithers: readonly number[]): boolean {
  return dithers.some((dither) => dither > 0)
}

function feedsFor(
  context: AttackContext,
  { norm, stepSize, subsets }: PerturbationAnalysisRun,
  samples: readonly number[],
  points: Float32Array,
  bases: Float32Array | undefined,
): Feeds {
  const { model, inputs, epsilons, labels, targets } = context
  const { data, shape } = takeSamples({ data: points, shape: inputs.shape }, samples)
  const sizes = Float32Array.from(samples, (sample) => stepSize(epsilons![sample]))
  return {
    'start:point': floatTensor(data, shape),
    ...(bases && { 'start:base': floatTensor(bases, shape) }),
    ...(subsets && {
      'start:used': floatTensor(new Float32Array(samples.length * subsets.length), [samples.length, subsets.length]),
    }),
    ...ballFeeds(context, norm, samples),
    step: floatTensor(sizes, [samples.length, ...model.featureShape.map(() => 1)]),
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
  }
}
