import { describe, refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import { distance } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import type { Classifier } from '../../model/classifier.js'
import { range, rowOf } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { restrictContext } from '../auto-attack/restrict-context.js'
import { checkList, recordedModels } from '../check-settings.js'
import { unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { runMethod } from '../run-method.js'

export interface TransferSettings {
  /** What is run on the surrogates. */
  readonly attack: Attack
  /** Models that the attack sees in place of the model under test: same features, classes and domain. */
  readonly surrogates: readonly Classifier[]
}

/**
 * Transfer: an attack made on surrogate models and judged on the model under test, of which only the predicted class is
 * used. Surrogates take turns on the samples that still stand; for a minimal-distance attack all take part, and the closest
 * adversarial example counts. The counts of steps, gradients and forward passes, and what is said of gradients that vanish, are those of the
 * surrogates, plus one forward pass of the model under test per candidate. What ends just behind the surrogate's boundary rarely transfers: take a
 * radius, and an attack that goes on after its first success. Samples that a surrogate misclassifies by itself are not moved far.
 * @throws SettingsError when there is no surrogate; when run, if a surrogate does not fit the model under test.
 */
export function transfer(settings: TransferSettings): Attack {
  const { attack, surrogates, ...others } = settingsOf(
    'transfer',
    settings,
    '{ attack: pgd({ epsilon: 0.1 }), surrogates: [model] }',
  )
  refuseUnknown('transfer', others)
  checkList('transfer', 'surrogates', surrogates, 'description', 'models')
  if (typeof attack?.run !== 'function') {
    throw new SettingsError(`transfer: attack must be one such as pgd({ epsilon: 0.1 }); it is ${describe(attack)}.`)
  }
  const { kind, norm, epsilon, target } = attack
  return {
    name: 'transfer',
    kind,
    norm,
    epsilon,
    target,
    settings: {
      ...attack.settings,
      attack: attack.name,
      surrogates: recordedModels(surrogates),
    },
    run: (context) => run(context, attack, surrogates),
  }
}

async function run(
  context: AttackContext,
  attack: Attack,
  surrogates: readonly Classifier[],
): Promise<AttackCandidates> {
  const { model, inputs, epsilons, labels, budget } = context
  for (const surrogate of surrogates) checkFit(surrogate, model)
  const { domain } = model
  const size = domain.lower.length
  const { adversarial, steps, gradientQueries, forwardQueries, vanishedGradients } = unchanged(context)
  const flatScores = new Uint8Array(labels.length)
  const candidates = { adversarial, steps, gradientQueries, forwardQueries, vanishedGradients, flatScores }
  const closest = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  let samples = range(labels.length)

  for (const [turn, surrogate] of surrogates.entries()) {
    if (samples.length === 0) break
    if (!(await budget.next())) return { ...candidates, interrupted: true }
    const part = restrictContext(context, samples, (fraction) =>
      context.progress((turn + fraction) / surrogates.length),
    )
    const found = await runMethod(attack, { ...part, model: surrogate })
    const proposed = new Float32Array(inputs.data)
    samples.forEach((sample, index) => {
      steps[sample] += found.steps[index]
      gradientQueries[sample] += found.gradientQueries[index]
      forwardQueries[sample] += found.forwardQueries?.[index] ?? 0
      if (found.gradientQueries[index] > 0 && !found.vanishedGradients?.[index]) vanishedGradients[sample] = 0
      flatScores[sample] = found.flatScores?.[index] && (turn === 0 || flatScores[sample]) ? 1 : 0
      const [center, point] = [inputs.data, proposed].map((data) => rowOf(data, size, sample))
      point.set(rowOf(found.adversarial, size, index))
      if (epsilons) projectOntoBall(point, { norm: attack.norm, center, radius: epsilons[sample] }, domain)
    })
    const standing = new Set(await stillStanding(context, proposed, samples, forwardQueries))
    for (const sample of samples) {
      if (standing.has(sample)) continue
      const point = rowOf(proposed, size, sample)
      const length = distance(rowOf(inputs.data, size, sample), point, attack.norm)[attack.norm]
      if (length >= closest[sample]) continue
      closest[sample] = length
      rowOf(adversarial, size, sample).set(point)
    }
    if (found.interrupted) return { ...candidates, interrupted: true }
    if (attack.kind === 'fixed-epsilon') samples = samples.filter((sample) => standing.has(sample))
  }
  return { ...candidates, interrupted: false }
}

function checkFit(surrogate: Classifier, model: Classifier): void {
  const refuse = (what: string, its: unknown, models: unknown) => {
    throw new SettingsError(
      `transfer: surrogate ${surrogate.description.name} has ${what} ${its}, the model under test ${models}. Surrogates must take the same inputs, in the same domain, and know the same classes.`,
    )
  }
  const [shape, expected] = [surrogate, model].map(({ featureShape }) => `[${featureShape.join(', ')}]`)
  if (shape !== expected) refuse('feature shape', shape, expected)
  if (surrogate.classes !== model.classes) refuse('classes', surrogate.classes, model.classes)
  for (const end of ['lower', 'upper'] as const) {
    const feature = model.domain[end].findIndex((bound, index) => bound !== surrogate.domain[end][index])
    if (feature < 0) continue
    refuse(`the ${end} bound of feature ${feature} at`, surrogate.domain[end][feature], model.domain[end][feature])
  }
}
