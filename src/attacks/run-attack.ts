import { checkCall, refuseUnknown } from '../arguments.js'
import { startBudget } from '../budget.js'
import { now } from '../clock.js'
import { isAccelerator } from '../engine/device.js'
import { overlap } from '../engine/overlap.js'
import { NoGradientError, NoGraphError, SettingsError, UnsupportedOperatorError } from '../errors.js'
import type { Classifier } from '../model/classifier.js'
import { reasonForOpacity } from '../model/hosted-graph.js'
import { predictClasses } from '../model/predict-classes.js'
import { freshSeed, randomSources } from '../sampling/random.js'
import { batches, range, takeSamples, viewSamples } from '../sampling/rows.js'
import { firstSamples, type Samples } from '../sampling/samples.js'
import type { Attack, AttackContext, AttackRequest, AttackResult, ClassifiedInputs } from './attack.js'
import { type AttackedPart, AttackFindings } from './attack-findings.js'
import { samplesAtInfiniteSlopes } from './infinite-slopes.js'
import { type Outcome, recheck } from './recheck.js'
import { runMethod } from './run-method.js'
import { sharedProgress } from './shared-progress.js'
import { type Subjects, subjectsOf } from './subjects.js'

/**
 * Attacks the samples that the model classifies correctly and says which of them were fooled. An adversarial example
 * counts only after a fresh run of the model at exactly the returned input, inside the domain and the ball. Large sets are
 * attacked part by part; the result of a sample does not depend on the others.
 * @throws SampleError when inputs or labels do not fit the model, SettingsError when the attack's settings do not,
 * ModelError when the model gives NaN, or gradients with which the attack cannot go on; NoGradientError when it has none
 * and the attack needs them, NoGraphError when the attack needs operators and the model shows none.
 */
export async function attack(model: Classifier, method: Attack, request: AttackRequest): Promise<AttackResult> {
  const started = now()
  checkCall(
    'attack(model, pgd({ epsilon: 0.1 }), { inputs, labels })',
    [model, 'classes'],
    [method, ({ run, kind }) => run !== undefined && kind !== 'regression'],
    [request, 'inputs'],
  )
  checkComplete(method)
  const { seed = freshSeed(), onProgress, keepExample } = checkedRequest(request)
  const budget = startBudget(request.budget)
  const subjects = await subjectsOf(model, method, request)
  const otherSamples = firstOfSet(model, request, subjects)
  const parts = partsOf(subjects.eligible, model)
  const progress = sharedProgress(parts.length, onProgress)
  let interrupted = false
  const runPart = async (part: readonly number[], index: number) => {
    // Without time, all that is left stands.
    if (interrupted) return undefined
    const context = {
      model,
      ...takeSubjects(subjects, part),
      // A copy: an attack may write to what it is given.
      inputs: takeSamples(subjects.inputs, part),
      random: randomSources(
        seed,
        part.map((sample) => subjects.positions[sample]),
      ),
      budget,
      otherSamples,
      progress: progress[index],
    }
    const candidates = await runMethod(method, context).catch((error) => {
      throw orMissing(error, model, method)
    })
    if (candidates.interrupted) interrupted = true
    return { part, context, candidates }
  }
  const recheckPart = async (run: Awaited<ReturnType<typeof runPart>>): Promise<AttackedPart | undefined> => {
    if (!run) return undefined
    const { part, candidates } = run
    const context = { ...run.context, ...takeSubjects(subjects, part), inputs: viewSamples(subjects.inputs, part) }
    const outcomes = await recheck(method, context, candidates)
    if (!candidates.interrupted) context.progress(1, outcomes.filter(({ fooled }) => fooled).length)
    const steep = interrupted ? 0 : await countSteepOnes(method, context, outcomes)
    return { ...run, outcomes, steep }
  }
  const findings = new AttackFindings(model, method, subjects, keepExample)
  // The next part is prepared before the last one is checked: the graph that runs meanwhile is that of another.
  for await (const attacked of overlap(overlap(parts, runPart), recheckPart)) if (attacked) findings.add(attacked)
  if (parts.length === 0) onProgress?.(1)
  return { ...findings.result(interrupted), seed, milliseconds: now() - started }
}

/** What an attack is told of some of the samples, besides their inputs. */
function takeSubjects({ epsilons, labels, targets }: Subjects, part: readonly number[]) {
  return {
    epsilons: epsilons && Float64Array.from(part, (sample) => epsilons[sample]),
    labels: Int32Array.from(part, (sample) => labels[sample]),
    targets: targets && Int32Array.from(part, (sample) => targets[sample]),
  }
}

const mostOthers = 1000

/** Other samples for an attack to start from: the same ones for all parts of a set. */
function firstOfSet(model: Classifier, { partOf }: AttackRequest, { inputs, predictions }: Subjects) {
  let found: Promise<ClassifiedInputs> | undefined
  const find = async (): Promise<ClassifiedInputs> => {
    const first = firstSamples({ inputs: partOf?.inputs ?? inputs }, mostOthers).inputs
    const classes = partOf ? await predictClasses(model, first) : predictions.subarray(0, mostOthers)
    return { inputs: first, classes }
  }
  return () => (found ??= find())
}

/** How many samples lie where a slope is infinite. Distances larger than they need be mislead as samples that stand do. */
async function countSteepOnes(method: Attack, context: AttackContext, outcomes: readonly Outcome[]): Promise<number> {
  const isInDoubt = ({ fooled, gradientQueries }: Outcome) =>
    gradientQueries > 0 && (!fooled || method.kind === 'minimal-distance')
  const inDoubt = range(outcomes.length).filter((row) => isInDoubt(outcomes[row]))
  return (await samplesAtInfiniteSlopes(context, inDoubt)).length
}

/** Attacks of users without types may lack what is asked for later on. */
function checkComplete({ name, kind, norm, settings }: Attack): void {
  const missing = Object.entries({ name, kind, norm, settings }).find(([, value]) => value === undefined)
  if (!missing) return
  throw new SettingsError(
    `The attack ${name} has no ${missing[0]}: an attack has a name, a kind, a norm, settings and run.`,
  )
}

/** Callers without types may misspell labels, say, which nobody would miss. */
function checkedRequest(request: AttackRequest): AttackRequest {
  // Samples may have targets, which are for regressors.
  const { inputs, labels, targets, partOf, seed, budget, onProgress, keepExample, ...others } =
    request as AttackRequest & Samples
  refuseUnknown('attack()', others)
  return request
}

// 8 MiB of inputs: an attack holds several copies of them, and more of them wait for the garbage collector.
const mostNumbers = 2 ** 21
// Two of the largest batches: of more samples none would be any faster, and parts overlap.
const mostSamples = 512

/** An accelerator waits while the first part is prepared, so that this is a small one there. */
function partsOf(samples: readonly number[], { domain, description }: Classifier): (readonly number[])[] {
  const most = Math.max(1, Math.min(mostSamples, Math.floor(mostNumbers / domain.lower.length)))
  const first = samples.length > most && isAccelerator(description.device) ? Math.ceil(most / 3) : most
  return [...batches(samples.slice(0, first), most), ...batches(samples.slice(first), most)]
}

/** What an attack misses of a model: its gradients, or all of its operators. */
function orMissing(error: unknown, { description, graph }: Classifier, { name }: Attack): unknown {
  if (error instanceof NoGradientError) return new NoGradientError({ ...error, attack: name })
  const reason = reasonForOpacity(graph)
  if (reason === undefined || !(error instanceof UnsupportedOperatorError)) return error
  return new NoGraphError({ model: description.name, reason, method: name })
}
