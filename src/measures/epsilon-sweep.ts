import { checkCall, describe } from '../arguments.js'
import type { Attack, AttackedSample, AttackRequest, AttackResult } from '../attacks/attack.js'
import { attack } from '../attacks/run-attack.js'
import { budgetSettings } from '../budget.js'
import { now } from '../clock.js'
import { SettingsError } from '../errors.js'
import { formatNumber, formatPercent } from '../format.js'
import { checkInputs, checkLabels } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { freshSeed } from '../sampling/random.js'
import { range } from '../sampling/rows.js'
import { takePart } from '../sampling/samples.js'
import { binomialInterval, type Interval } from '../statistics/binomial.js'

/** What to attack, and at which radii. */
export interface EpsilonSweepRequest extends Omit<AttackRequest, 'onProgress'> {
  /** Radii in input units, in any order. */
  readonly epsilons: readonly number[]
}

/** From which radius on a sample is fooled. */
export interface SweptSample extends Pick<AttackedSample, 'eligible' | 'label' | 'prediction'> {
  /** Class predicted for the closest adversarial example; equal to `prediction` without one. */
  readonly adversarialPrediction: number
  /** Norm of the closest adversarial example that was found. Infinite without one. */
  readonly smallestEpsilon: number
}

/** A fooling ratio for each radius. */
export interface EpsilonSweep {
  readonly attack: AttackResult['attack']
  /** In ascending order of epsilon: fooled among eligible samples, with the exact 95 % interval. */
  readonly curve: readonly { readonly epsilon: number; readonly fooled: number; readonly foolingRatio: Interval }[]
  readonly samples: readonly SweptSample[]
  readonly eligible: number
  readonly gradientQueries: number
  readonly forwardQueries: number
  /** The budget ended the sweep early: ratios may be too low. */
  readonly interrupted: boolean
  readonly warnings: readonly string[]
  readonly seed: number
}

/**
 * The fooling ratio as a function of ε (Balda, Behboodi and Mathar, "Perturbation analysis of learning algorithms",
 * Figure 1). A minimal-distance attack runs once: the curve counts its distances. An attack with a fixed radius is
 * given as a function of ε and runs at each radius in turn, on the samples that no smaller one fooled.
 * @throws SettingsError for radii that are not positive or an attack of the other kind; otherwise as `attack`.
 */
export async function epsilonSweep(
  model: Classifier,
  method: Attack | ((epsilon: number) => Attack),
  request: EpsilonSweepRequest,
): Promise<EpsilonSweep> {
  const call = 'epsilonSweep(model, (epsilon) => pgd({ epsilon }), { inputs, labels, epsilons: [0.01, 0.1] })'
  checkCall(
    call,
    [model, 'classes'],
    [typeof method === 'function' ? { run: method } : method, 'run'],
    [request, 'inputs'],
  )
  const { epsilons: given, ...samples } = request
  if (
    !Array.isArray(given) ||
    given.length === 0 ||
    !given.every((epsilon) => Number.isFinite(epsilon) && epsilon > 0)
  ) {
    const found = Array.isArray(given) ? `[${given.toSorted().join(', ')}]` : describe(given)
    throw new SettingsError(`epsilonSweep needs a list of radii that are finite and above 0; epsilons is ${found}.`)
  }
  const epsilons = given.toSorted((left, right) => left - right)
  const { seed = freshSeed() } = request
  const found =
    typeof method === 'function'
      ? await sweepRadii(model, method, epsilons, { ...samples, seed })
      : await sweepDistances(model, method, { ...samples, seed })
  const eligible = found.samples.filter((sample) => sample.eligible)
  const curve = epsilons.map((epsilon) => {
    const fooled = eligible.filter(({ smallestEpsilon }) => smallestEpsilon <= epsilon).length
    return { epsilon, fooled, foolingRatio: binomialInterval(fooled, eligible.length) }
  })
  return {
    ...found,
    curve,
    eligible: eligible.length,
    // Of radii that the time did not reach nothing is known.
    warnings: [...found.warnings, ...(found.interrupted ? [] : flatCurve(curve, eligible.length))],
    seed,
  }
}

/**
 * Smallest ε at which more than the given fraction of the eligible samples is fooled (Table III of the paper has 0.99).
 * Infinite where no radius of the sweep does that, or nothing was eligible.
 */
export function smallestEpsilonAbove(ratio: number, { samples }: Pick<EpsilonSweep, 'samples'>): number {
  const ascending = samples
    .filter(({ eligible }) => eligible)
    .map(({ smallestEpsilon }) => smallestEpsilon)
    .toSorted((left, right) => left - right)
  return ascending[Math.floor(ratio * ascending.length)] ?? Number.POSITIVE_INFINITY
}

type Swept = Omit<EpsilonSweep, 'curve' | 'eligible' | 'seed'>

async function sweepDistances(model: Classifier, method: Attack, request: AttackRequest): Promise<Swept> {
  if (method.kind !== 'minimal-distance') {
    throw new SettingsError(
      `${method.name} attacks at one radius. Give a function of ε instead: epsilonSweep(model, (epsilon) => ${method.name}({ epsilon }), …).`,
    )
  }
  const result = await attack(model, method, request)
  return { ...totals([result]), samples: result.samples.map((sample) => swept(sample, method)) }
}

async function sweepRadii(
  model: Classifier,
  method: (epsilon: number) => Attack,
  epsilons: readonly number[],
  request: AttackRequest,
): Promise<Swept> {
  const { inputs, partOf, seed } = request
  const { milliseconds, signal } = budgetSettings(request.budget)
  const deadline = now() + (milliseconds ?? Number.POSITIVE_INFINITY)
  checkInputs(inputs, model)
  const [count] = inputs.shape
  const labels = request.labels && checkLabels(request.labels, count, model)
  // The smallest radius sees all samples.
  const samples: SweptSample[] = []
  const results: AttackResult[] = []
  let standing = range(count)
  for (const epsilon of epsilons) {
    const fixed = checkFixed(method(epsilon), epsilon)
    const result = await attack(model, fixed, {
      ...takePart({ inputs, labels, partOf }, standing),
      seed,
      keepExample: () => false,
      budget: { milliseconds: Math.max(0, deadline - now()), ...(signal && { signal }) },
    })
    results.push(result)
    result.samples.forEach((sample, index) => {
      samples[standing[index]] = swept(sample, fixed)
    })
    standing = standing.filter((_, index) => result.samples[index].eligible && !result.samples[index].fooled)
    if (standing.length === 0 || result.interrupted) break
  }
  return { ...totals(results), samples }
}

function swept({ eligible, label, prediction, adversarialPrediction, distance }: AttackedSample, { norm }: Attack) {
  const smallestEpsilon = distance?.[norm] ?? Number.POSITIVE_INFINITY
  return { eligible, label, prediction, adversarialPrediction, smallestEpsilon }
}

/** The curve counts what is found within ε: from a ball of another size it would count too much or too little. */
function checkFixed(method: Attack, epsilon: number): Attack {
  if (method?.kind === 'fixed-epsilon') {
    if (method.epsilon === epsilon) return method
    const its = typeof method.epsilon === 'number' ? `the radius ${method.epsilon}` : 'radii of its own'
    throw new SettingsError(
      `The function of ε given to epsilonSweep returns ${method.name} with ${its} for ε ${epsilon}: it must attack at the radius that it is given, in input units.`,
    )
  }
  if (method?.run === undefined) {
    throw new SettingsError(
      `The function of ε given to epsilonSweep must return an attack; it returns ${describe(method)}.`,
    )
  }
  throw new SettingsError(`${method.name} finds distances itself: give the attack, not a function of ε.`)
}

function totals(results: readonly AttackResult[]): Omit<Swept, 'samples'> {
  const sum = (count: (result: AttackResult) => number) => results.reduce((total, result) => total + count(result), 0)
  return {
    attack: results[0].attack,
    gradientQueries: sum(({ gradientQueries }) => gradientQueries),
    forwardQueries: sum(({ forwardQueries }) => forwardQueries),
    interrupted: results.some(({ interrupted }) => interrupted),
    warnings: [...new Set(results.flatMap(({ warnings }) => warnings))],
  }
}

/** Raised when a radius four times as large fools nobody further, although samples still stand. */
function flatCurve(curve: EpsilonSweep['curve'], eligible: number): string[] {
  const last = curve.at(-1)!
  const flat = curve.find(({ epsilon, fooled }) => fooled === last.fooled && last.epsilon >= 4 * epsilon)
  if (!flat || eligible === 0 || last.fooled === eligible) return []
  return [
    `The fooling ratio stays at ${formatPercent(last.foolingRatio.value)} from ε ${formatNumber(flat.epsilon)} to ${formatNumber(last.epsilon)}: a larger ball holds more adversarial examples, so the attack fails to find them. Try loss: 'margin', more steps, or an attack without gradients.`,
  ]
}
