import { startBudget } from '../budget.js'
import { overlap } from '../engine/overlap.js'
import { NoGradientError, NoGraphError, SettingsError, UnsupportedOperatorError } from '../errors.js'
import { diameter } from '../geometry/diameter.js'
import { checkLabels, checkShape } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { reasonForOpacity } from '../model/hosted-graph.js'
import { predictClasses, predictWithSpreads } from '../model/predict-classes.js'
import { spreadOverSamples } from '../sampling/per-sample.js'
import { freshSeed, randomSources } from '../sampling/random.js'
import { batches, range, viewSamples } from '../sampling/rows.js'
import { firstSamples, positionsOf, type Samples } from '../sampling/samples.js'
import { binomialInterval } from '../statistics/binomial.js'
import { median } from '../statistics/median.js'
import { refuseUnknown } from '../unknown-settings.js'
import type { Attack, AttackContext, AttackedSample, AttackRequest, AttackResult, ClassifiedInputs } from './attack.js'
import { samplesAtInfiniteSlopes } from './infinite-slopes.js'
import { type Outcome, recheck } from './recheck.js'
import { sharedProgress } from './shared-progress.js'
import { attackWarnings, leastSpread } from './warnings.js'

/**
 * Attacks the samples that the model classifies correctly and says which of them were fooled. An adversarial example
 * counts only after a fresh run of the model at exactly the returned input, inside the domain and the ball. Large sets are
 * attacked part by part; the result of a sample does not depend on the others.
 * @throws SampleError when inputs or labels do not fit the model, SettingsError when the attack's settings do not,
 * ModelError when the model gives NaN, or gradients with which the attack cannot go on; NoGradientError when it has none
 * and the attack needs them, NoGraphError when the attack needs operators and the model shows none.
 */
export async function attack(model: Classifier, method: Attack, request: AttackRequest): Promise<AttackResult> {
  const started = performance.now()
  const { inputs, seed = freshSeed(), onProgress } = requireRequest(model, method, request)
  const budget = startBudget(request.budget)
  checkShape(inputs, model)
  const [count] = inputs.shape
  const positions = positionsOf(request)
  const epsilons = method.epsilon === undefined ? undefined : spreadOverSamples(method.epsilon, count, 'epsilon')
  const targets =
    method.target === undefined ? undefined : checkTargets(spreadOverSamples(method.target, count, 'target'), model)
  const given = request.labels === undefined ? undefined : checkLabels(request.labels, count, model)
  const { classes: predictions, spreads } = await predictWithSpreads(model, inputs)
  const labels = given ?? predictions
  const isCorrect = (sample: number) => predictions[sample] === labels[sample]
  const isEligible = (sample: number) => isCorrect(sample) && targets?.[sample] !== predictions[sample]
  const eligible = range(count).filter(isEligible)

  const samples = range(count).map((sample): AttackedSample => {
    const of = { eligible: isEligible(sample), label: labels[sample], prediction: predictions[sample] }
    return { ...of, ...notFooled, adversarialPrediction: of.prediction }
  })
  let others: Promise<ClassifiedInputs> | undefined
  /** The same ones for all parts of a set. */
  async function firstOfSet(): Promise<ClassifiedInputs> {
    const first = firstSamples({ inputs: request.partOf?.inputs ?? inputs }, mostOthers).inputs
    return {
      inputs: first,
      classes: request.partOf ? await predictClasses(model, first) : predictions.subarray(0, mostOthers),
    }
  }
  let interrupted = false
  let [vanished, flat, standingAnywhere, unfound, steep, alike] = [0, 0, 0, 0, 0, 0]
  // Of two classes there is but one other.
  const goesByProbabilities = method.loss === 'cross-entropy' && model.classes > 2
  const unproved: string[] = []
  // Subsets of the features are less than the domain.
  const isPartial = 'subsets' in method.settings
  const largest = isPartial ? Number.POSITIVE_INFINITY : diameter(model.domain, method.norm)
  const parts = batches(eligible, largestPart(model))
  const progress = sharedProgress(parts.length, onProgress)
  const runPart = async (part: readonly number[], index: number) => {
    // Without time, all that is left stands.
    if (interrupted) return undefined
    const context: AttackContext = {
      model,
      inputs: viewSamples(inputs, part),
      epsilons: epsilons && Float64Array.from(part, (sample) => epsilons[sample]),
      labels: Int32Array.from(part, (sample) => labels[sample]),
      targets: targets && Int32Array.from(part, (sample) => targets[sample]),
      random: randomSources(
        seed,
        part.map((sample) => positions[sample]),
      ),
      budget,
      otherSamples: () => (others ??= firstOfSet()),
      progress: progress[index],
    }
    const candidates = await method.run(context).catch((error) => {
      throw orMissing(error, model, method)
    })
    if (candidates.interrupted) interrupted = true
    return { part, context, candidates, report: progress[index] }
  }
  const recheckPart = async (run: Awaited<ReturnType<typeof runPart>>) => {
    if (!run) return undefined
    const { part, context, candidates, report } = run
    const outcomes = await recheck(method, context, candidates)
    if (!candidates.interrupted) report(1, outcomes.filter(({ fooled }) => fooled).length)
    // Distances that are larger than they need be are as misleading as samples that stand.
    const isInDoubt = ({ fooled, gradientQueries }: Outcome) =>
      gradientQueries > 0 && (!fooled || method.kind === 'minimal-distance')
    const inDoubt = range(part.length).filter((row) => isInDoubt(outcomes[row]))
    const steepOnes = interrupted ? [] : await samplesAtInfiniteSlopes(context, inDoubt)
    return { ...candidates, part, epsilons: context.epsilons, outcomes, steepOnes }
  }
  // The next part is prepared before the last one is checked: the graph that runs meanwhile is that of another.
  for await (const attackedPart of overlap(overlap(parts, runPart), recheckPart)) {
    steep += attackedPart?.steepOnes.length ?? 0
    attackedPart?.outcomes.forEach((outcome, row) => {
      const sample = attackedPart.part[row]
      const attacked = { ...samples[sample], ...outcome }
      const isKept = !outcome.fooled || (request.keepExample?.(attacked) ?? true)
      samples[sample] = isKept ? attacked : { ...attacked, adversarial: undefined }
      const obstacle = attackedPart.unproved?.[row]
      if (obstacle !== undefined) unproved.push(obstacle)
      if (outcome.fooled) return
      if (outcome.gradientQueries > 0 && attackedPart.vanishedGradients?.[row]) vanished++
      if (attackedPart.flatScores?.[row]) flat++
      if (goesByProbabilities && spreads[sample] < leastSpread) alike++
      if (Number(attackedPart.epsilons?.[row]) >= largest) standingAnywhere++
      if (method.kind === 'minimal-distance' && !isPartial) unfound++
    })
  }
  if (parts.length === 0) onProgress?.(1)
  const fooled = samples.filter((sample) => sample.fooled)
  const correct = range(count).filter(isCorrect).length
  const cleanAccuracy = correct / count
  return {
    attack: { name: method.name, kind: method.kind, norm: method.norm, settings: method.settings },
    samples,
    eligible: eligible.length,
    fooled: fooled.length,
    foolingRatio: binomialInterval(fooled.length, eligible.length),
    cleanAccuracy,
    robustAccuracy: (correct - fooled.length) / count,
    medianDistance: median(fooled.map((sample) => sample.distance![method.norm])),
    gradientQueries: samples.reduce((sum, { gradientQueries }) => sum + gradientQueries, 0),
    forwardQueries: samples.reduce((sum, { forwardQueries }) => sum + forwardQueries, 0),
    interrupted,
    unproved: unproved.length,
    warnings: [
      ...model.description.warnings,
      ...attackWarnings({
        settings: method.settings,
        samples,
        eligible: eligible.length,
        fooled: fooled.length,
        labelled: given !== undefined,
        cleanAccuracy,
        vanished,
        flat,
        steep,
        alike,
        standingAnywhere,
        unfound,
        interrupted,
        unproved,
      }),
    ],
    seed,
    milliseconds: performance.now() - started,
  }
}

/** Callers without types may leave out what is required, or misspell what is not: labels, say, which nobody would miss. */
function requireRequest(model: unknown, method: unknown, request: AttackRequest): AttackRequest {
  const has = (value: unknown, name: string) => typeof value === 'object' && value !== null && name in value
  if (!has(model, 'predict') || !has(method, 'run') || !has(request, 'inputs')) {
    throw new SettingsError(
      'attack() takes a model, an attack such as pgd({ epsilon: 0.1 }), and samples: attack(model, pgd(…), { inputs, labels }).',
    )
  }
  // Samples may have targets, which are for regressors.
  const { inputs, labels, targets, partOf, seed, budget, onProgress, keepExample, ...others } =
    request as AttackRequest & Samples
  refuseUnknown('attack()', others)
  return request
}

const notFooled = {
  fooled: false,
  distance: undefined,
  adversarial: undefined,
  steps: 0,
  gradientQueries: 0,
  forwardQueries: 0,
}

// 8 MiB of inputs: an attack holds several copies of them, and more of them wait for the garbage collector.
const mostNumbers = 2 ** 21
// Two of the largest batches: of more samples none would be any faster, and parts overlap.
const mostSamples = 512

function largestPart({ domain }: Classifier): number {
  return Math.max(1, Math.min(mostSamples, Math.floor(mostNumbers / domain.lower.length)))
}

const mostOthers = 1000

function checkTargets(targets: Float64Array, { classes }: Classifier): Float64Array {
  const wrong = targets.find((target) => !(Number.isInteger(target) && target >= 0 && target < classes))
  if (wrong === undefined) return targets
  throw new SettingsError(`Target ${wrong} is no class of the model: classes are numbered from 0 to ${classes - 1}.`)
}

/** What an attack misses of a model: its gradients, or all of its operators. */
function orMissing(error: unknown, { description, graph }: Classifier, { name }: Attack): unknown {
  if (error instanceof NoGradientError) return new NoGradientError({ ...error, attack: name })
  const reason = reasonForOpacity(graph)
  if (reason === undefined || !(error instanceof UnsupportedOperatorError)) return error
  return new NoGraphError({ model: description.name, reason, method: name })
}
