import { Budget } from '../budget.js'
import { ModelError, SettingsError } from '../errors.js'
import { diameter } from '../geometry/diameter.js'
import { distance } from '../geometry/norm.js'
import { clipToDomain, projectOntoBall } from '../geometry/projection.js'
import { checkInputs, checkLabels } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import { spreadOverSamples } from '../sampling/per-sample.js'
import { freshSeed, randomSource } from '../sampling/random.js'
import { range, rowOf, takeSamples } from '../sampling/rows.js'
import { binomialInterval } from '../statistics/binomial.js'
import { median } from '../statistics/median.js'
import type { Attack, AttackCandidates, AttackContext, AttackedSample, AttackRequest, AttackResult } from './attack.js'
import { attackWarnings } from './warnings.js'

/**
 * Attacks the samples that the model classifies correctly and says which of them were fooled. An adversarial example
 * counts only after a fresh run of the model at exactly the returned input, inside the domain and the ball.
 * @throws SampleError when inputs or labels do not fit the model, SettingsError when the attack's settings do not,
 * ModelError when the model gives NaN, or gradients with which the attack cannot go on.
 */
export async function attack(model: Classifier, method: Attack, request: AttackRequest): Promise<AttackResult> {
  const started = performance.now()
  const { inputs, seed = freshSeed(), onProgress } = request
  const budget = new Budget(request.budget)
  checkInputs(inputs, model)
  const [count] = inputs.shape
  const epsilons = method.epsilon === undefined ? undefined : spreadOverSamples(method.epsilon, count, 'epsilon')
  const targets =
    method.target === undefined ? undefined : checkTargets(spreadOverSamples(method.target, count, 'target'), model)
  const given = request.labels === undefined ? undefined : checkLabels(request.labels, count, model)
  const predictions = await predictClasses(model, inputs)
  const labels = given ?? predictions
  const isCorrect = (sample: number) => predictions[sample] === labels[sample]
  const eligible = range(count).filter((sample) => isCorrect(sample) && targets?.[sample] !== predictions[sample])

  const context: AttackContext = {
    model,
    inputs: takeSamples(inputs, eligible),
    epsilons: epsilons && Float64Array.from(eligible, (sample) => epsilons[sample]),
    labels: Int32Array.from(eligible, (sample) => labels[sample]),
    targets: targets && Int32Array.from(eligible, (sample) => targets[sample]),
    random: randomSource(seed),
    budget,
    progress: (fraction, fooled) => onProgress?.(Math.min(Math.max(fraction, 0), 1), fooled),
  }
  const candidates = eligible.length === 0 ? nothing : await method.run(context)
  const outcomes = await recheck(method, context, candidates)
  if (!candidates.interrupted) context.progress(1)

  const outcomeOf = new Map(eligible.map((sample, index) => [sample, outcomes[index]]))
  const samples = range(count).map((sample): AttackedSample => {
    const shared = { label: labels[sample], prediction: predictions[sample] }
    const outcome = outcomeOf.get(sample)
    return outcome ? { ...shared, eligible: true, ...outcome } : { ...shared, ...notAttacked(predictions[sample]) }
  })
  const fooled = samples.filter((sample) => sample.fooled)
  const correct = range(count).filter(isCorrect).length
  const cleanAccuracy = correct / count
  const { interrupted, vanishedGradients } = candidates
  const vanished = outcomes.filter(
    (outcome, index) => !outcome.fooled && outcome.gradientQueries > 0 && vanishedGradients?.[index],
  ).length
  const largest = diameter(model.domain, method.norm)
  // Subsets of the features are less than the domain.
  const standing = outcomes.filter(
    (outcome, index) =>
      !outcome.fooled && !('subsets' in method.settings) && Number(context.epsilons?.[index]) >= largest,
  )
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
    warnings: [
      ...model.description.warnings,
      ...attackWarnings({
        samples,
        eligible: eligible.length,
        fooled: fooled.length,
        labelled: given !== undefined,
        cleanAccuracy,
        vanished,
        standingAnywhere: standing.length,
        interrupted,
      }),
    ],
    seed,
    milliseconds: performance.now() - started,
  }
}

const nothing: AttackCandidates = {
  adversarial: new Float32Array(0),
  steps: new Int32Array(0),
  gradientQueries: new Int32Array(0),
  interrupted: false,
}

type Outcome = Omit<AttackedSample, 'eligible' | 'label' | 'prediction'>

const notAttacked = (prediction: number): Outcome & { eligible: false } => ({
  eligible: false,
  fooled: false,
  adversarialPrediction: prediction,
  distance: undefined,
  adversarial: undefined,
  steps: 0,
  gradientQueries: 0,
  forwardQueries: 0,
})

/** Moves the candidates into domain and ball, where rounding left them a hair outside, and asks the model again. */
async function recheck(method: Attack, context: AttackContext, candidates: AttackCandidates): Promise<Outcome[]> {
  const { model, inputs, epsilons, labels, targets } = context
  const { data, shape } = inputs
  const size = model.domain.lower.length
  if (candidates.adversarial.length !== data.length) {
    throw new SettingsError(
      `${method.name} returned ${candidates.adversarial.length} numbers for inputs of ${data.length}: candidates must be shaped like the inputs.`,
    )
  }
  const adversarial = new Float32Array(candidates.adversarial)
  const row = (values: Float32Array, sample: number) => rowOf(values, size, sample)
  labels.forEach((_, sample) => {
    const point = row(adversarial, sample)
    if (!point.every(Number.isFinite)) {
      throw new ModelError(
        `${method.name} ended at an input that is not finite: the model's gradients are NaN or infinite there, so it cannot be attacked this way. An attack without gradients, such as randomNoise, still works.`,
      )
    }
    if (!epsilons) clipToDomain(point, model.domain)
    else
      projectOntoBall(point, { norm: method.norm, center: row(data, sample), radius: epsilons[sample] }, model.domain)
  })
  const predictions = await predictClasses(model, { data: adversarial, shape })
  return Array.from(labels, (label, sample) => {
    const fooled = targets ? predictions[sample] === targets[sample] : predictions[sample] !== label
    const point = row(adversarial, sample)
    return {
      fooled,
      adversarialPrediction: fooled ? predictions[sample] : label,
      distance: fooled ? distance(row(data, sample), point, method.norm) : undefined,
      adversarial: fooled ? point.slice() : undefined,
      ...(fooled && candidates.foundBy?.[sample] !== undefined && { foundBy: candidates.foundBy[sample] }),
      steps: candidates.steps[sample],
      gradientQueries: candidates.gradientQueries[sample],
      forwardQueries: candidates.forwardQueries?.[sample] ?? 0,
    }
  })
}

function checkTargets(targets: Float64Array, { classes }: Classifier): Float64Array {
  const wrong = targets.find((target) => !(Number.isInteger(target) && target >= 0 && target < classes))
  if (wrong === undefined) return targets
  throw new SettingsError(`Target ${wrong} is no class of the model: classes are numbered from 0 to ${classes - 1}.`)
}
