import type { UnfooledError } from '../src/errors.js'
import type {
  AttackEvidence,
  AttackFinding,
  BoundValidityEvidence,
  BoundValidityFinding,
  ErrorLimit,
  Evidence,
  LowerBoundEvidence,
  LowerBoundFinding,
  RegressionAttackEvidence,
  RegressionFinding,
} from '../src/evidence.js'
import { formatCount, formatDuration, formatNumber, formatPercent } from '../src/format.js'
import type { Interval } from '../src/statistics/binomial.js'

/** How many samples a message shows before it only counts the rest. */
const shownSamples = 5

const moreTime = 'Allow more time (the timeout of the test, or the option budget), or check fewer samples.'

/** Why an assertion failed: what was asked, what was found, and how to see it again. */
export function failureMessage(evidence: Evidence): string {
  const paragraphs = [[hint(evidence)], explain(evidence), [...advice(evidence), ...replay(evidence)]]
  return paragraphs
    .map((lines) => lines.join('\n'))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
}

// Reasons for an inconclusive verdict.

export function couldNotRun(error: UnfooledError): string {
  return error.message
}

export function nothingEligible(samples: number): string {
  if (samples === 0) return 'There are no samples.'
  return `None of the ${formatCount(samples, 'sample')} is classified correctly, so there is nothing to check. Look at labels, preprocessing and domain.`
}

export function nothingWithinLimit(samples: number, limit: ErrorLimit): string {
  if (samples === 0) return 'There are no samples.'
  return `All ${formatCount(samples, 'output')} have ${beyond(limit)} without any attack, so there is nothing to check. Look at targets, preprocessing and domain, or set another limit.`
}

export function notFinite(quantity: string): string {
  return `A ${quantity} is not a finite number.`
}

export function attackInterrupted(
  { fooled, eligible }: AttackFinding | RegressionFinding,
  { maxFoolingRatio, milliseconds }: { maxFoolingRatio: number; milliseconds: number },
): string {
  // What to do about it is in the attack's own warning.
  return `The time was up after ${formatDuration(milliseconds)}, with ${fooled} of ${formatCount(eligible, 'sample')} fooled: the rest of the attack might have fooled more than the accepted ${formatPercent(maxFoolingRatio)}.`
}

export function tooFewSamples(
  { fooled, eligible }: AttackFinding,
  { low, high }: Interval,
  maxFoolingRatio: number,
  confidence: number,
): string {
  const needed = Math.ceil(Math.log(1 - confidence) / Math.log(1 - maxFoolingRatio))
  const atLeast = eligible < needed ? `, at least ${needed} if none of them is fooled` : ''
  return `At ${formatPercent(confidence)} confidence, ${fooled} of ${formatCount(eligible, 'sample')} fooled means a fooling ratio from ${formatPercent(low)} to ${formatPercent(high)}: the limit of ${formatPercent(maxFoolingRatio)} lies between. Check more samples${atLeast}.`
}

export function boundInterrupted(certified: number, eligible: number, milliseconds: number): string {
  return `The time was up after ${formatDuration(milliseconds)}, with ${certified} of ${formatCount(eligible, 'sample')} certified; the others were not all decided. ${moreTime}`
}

export function nothingCertified(eligible: number): string {
  return `The bound certifies none of the ${formatCount(eligible, 'eligible sample')}, so there is no radius to refute.`
}

export function nothingTried(): string {
  return 'There were no attacks and no runs, so nothing tried to refute the bound.'
}

export function validityInterrupted({ runs }: BoundValidityFinding, milliseconds: number): string {
  return `The time was up after ${formatDuration(milliseconds)} and ${formatCount(runs, 'random perturbation')}, without a violation so far. ${moreTime}`
}

// What was asked.

function hint(evidence: Evidence): string {
  const not = evidence.assertion?.negated ? '.not' : ''
  switch (evidence.kind) {
    case 'attack':
    case 'regression-attack':
      return `expect(model)${not}.toResistAttack(${evidence.attack.name})`
    case 'lower-bound':
      return `expect(model)${not}.toHaveLowerBoundAbove(${formatNumber(evidence.radius)})`
    case 'bound-validity':
      return `expect(model)${not}.toHaveValidLowerBounds(${evidence.bound.name})`
  }
}

// What was found.

function explain(evidence: Evidence): string[] {
  if (evidence.verdict === 'inconclusive') {
    return [
      `Inconclusive for ${evidence.model.name}, so neither the assertion nor its opposite can pass.`,
      evidence.reason!,
    ]
  }
  switch (evidence.kind) {
    case 'attack':
      return explainAttack(evidence, evidence.finding!)
    case 'regression-attack':
      return explainRegressionAttack(evidence, evidence.finding!)
    case 'lower-bound':
      return explainLowerBound(evidence, evidence.finding!)
    case 'bound-validity':
      return explainValidity(evidence, evidence.finding!)
  }
}

function explainAttack(evidence: AttackEvidence, finding: AttackFinding): string[] {
  const { model, attack, maxFoolingRatio } = evidence
  const found = fooledOf(finding)
  const limit = `${formatPercent(maxFoolingRatio)}${evidence.confidence === undefined ? '' : ` at ${formatPercent(evidence.confidence)} confidence`}`
  const settings = describeAttack(attack)
  if (evidence.verdict === 'resists') {
    return [`${model.name} resists: fooled on ${found}.`, `Expected: more than ${limit}.`, settings]
  }
  return [
    `${model.name} is fooled on ${found}.`,
    `Accepted: ${maxFoolingRatio === 0 ? 'none' : `at most ${limit}`}.`,
    settings,
    ...excluded(finding),
    'Closest adversarial examples:',
    ...closestExamples(evidence, finding),
  ]
}

function closestExamples({ attack }: AttackEvidence, { fooled, perSample }: AttackFinding): string[] {
  const { labels, adversarialPredictions, distances } = perSample
  const closest = indicesWhere(perSample.fooled).sort((left, right) => distances[left] - distances[right])
  return shorten(
    closest.map(
      (index) =>
        `sample ${index}: class ${labels[index]} → ${adversarialPredictions[index]} at ${attack.norm} distance ${formatNumber(distances[index])}`,
    ),
    fooled,
  )
}

function explainRegressionAttack(evidence: RegressionAttackEvidence, finding: RegressionFinding): string[] {
  const { model, attack, limit, maxFoolingRatio } = evidence
  const { eligible, perSample, medianCleanPsnr, medianOutputPsnr, medianInputPsnr } = finding
  const found = `${beyond(limit)} on ${fooledOf(finding)}`
  const settings = [
    describeAttack(attack),
    `Median PSNR of the outputs: ${decibels(medianOutputPsnr)}, without the attack ${decibels(medianCleanPsnr)}; of the inputs: ${decibels(medianInputPsnr)}.`,
  ]
  if (evidence.verdict === 'resists') {
    return [`${model.name} resists: ${found}.`, `Expected: more than ${formatPercent(maxFoolingRatio)}.`, ...settings]
  }
  const left = perSample.eligible.length - eligible
  return [
    `${model.name} gives outputs with ${found}.`,
    `Accepted: ${maxFoolingRatio === 0 ? 'none' : `at most ${formatPercent(maxFoolingRatio)}`}.`,
    ...settings,
    ...(left === 0
      ? []
      : [`Not counted: ${left} of ${formatCount(perSample.eligible.length, 'sample')}, beyond the limit as they are.`]),
    'Largest errors:',
    ...largestErrors(evidence, finding),
  ]
}

function largestErrors(
  { attack, limit }: RegressionAttackEvidence,
  { fooled, perSample }: RegressionFinding,
): string[] {
  const { errors, cleanErrors, distances } = perSample
  const worse = (left: number, right: number) =>
    limit.quantity === 'psnr' ? errors[left] - errors[right] : errors[right] - errors[left]
  const lines = indicesWhere(perSample.fooled)
    .sort(worse)
    .map(
      (index) =>
        `sample ${index}: ${amount(limit, errors[index])}, without the attack ${amount(limit, cleanErrors[index])}, at ${attack.norm} distance ${formatNumber(distances[index])}`,
    )
  return shorten(lines, fooled)
}

function explainLowerBound(evidence: LowerBoundEvidence, finding: LowerBoundFinding): string[] {
  const { model, bound, radius, fraction } = evidence
  const { certified, eligible } = finding
  const claim = `${model.name}: ${bound.name} certifies a ${bound.norm} radius above ${formatNumber(radius)} for`
  const found = `${certified} of ${formatCount(eligible, 'sample')} (${formatPercent(certified / eligible)})`
  const settings = `Bound: ${[bound.name, ...parenthesized(settingsOf(bound.settings))].join(' ')}`
  if (evidence.verdict === 'certified') {
    return [`${claim} ${found}.`, `Expected: less than ${formatPercent(fraction)}.`, settings]
  }
  const { perSample } = finding
  const open = indicesWhere(perSample.eligible)
    .filter((index) => !perSample.certified[index])
    .sort((left, right) => perSample.margins[left] - perSample.margins[right])
  return [
    `${claim} only ${found}.`,
    `Required: ${fraction === 1 ? 'all of them' : `at least ${formatPercent(fraction)}`}.`,
    settings,
    ...excluded(finding),
    'Furthest from certified (which is not to be fooled: a tighter bound may certify them):',
    ...shorten(
      open.map(
        (index) =>
          `sample ${index}: class ${perSample.labels[index]}, ${Number.isFinite(perSample.margins[index]) ? `margin at least ${formatNumber(perSample.margins[index])}` : 'nothing known about its margin'}`,
      ),
      open.length,
    ),
  ]
}

function explainValidity(evidence: BoundValidityEvidence, finding: BoundValidityFinding): string[] {
  const { model, bound, attacks } = evidence
  const { violations, minimum, median, eligible } = finding
  if (evidence.verdict === 'valid') {
    const tried = [
      ...attacks.map(({ name }) => name),
      ...(finding.runs > 0 ? [formatCount(finding.runs, 'random perturbation')] : []),
    ]
    return [
      `The ${bound.norm} radii that ${bound.name} certifies for ${formatCount(eligible, 'sample')} of ${model.name} (smallest ${formatNumber(minimum)}, median ${formatNumber(median)}) withstood ${tried.join(', ')}.`,
      'Expected: an adversarial example within one of them.',
    ]
  }
  return [
    `${bound.name} certifies radii for ${model.name} within which there are adversarial examples: this is a defect of the bound, not of the model.`,
    ...shorten(
      violations
        .toSorted((left, right) => left.distance / left.radius - right.distance / right.radius)
        .map(
          ({ sample, label, adversarialPrediction, distance, radius, foundBy }) =>
            `sample ${sample}: class ${label} → ${adversarialPrediction} at ${bound.norm} distance ${formatNumber(distance)}, certified up to ${formatNumber(radius)}, found by ${foundBy}`,
        ),
      violations.length,
    ),
  ]
}

/** A verdict is about the eligible samples; says how many were left out. */
function excluded(finding: AttackFinding | LowerBoundFinding): string[] {
  const { eligible, labels, predictions } = finding.perSample
  const count = eligible.length - finding.eligible
  if (count === 0) return []
  const misclassified = labels.filter((label, sample) => label !== predictions[sample]).length
  const why =
    misclassified === count ? 'misclassified as they are' : 'misclassified, or of the target class, as they are'
  return [`Not counted: ${count} of ${formatCount(eligible.length, 'sample')}, ${why}.`]
}

// What to do.

function advice({ model, warnings, finding }: Evidence): string[] {
  // Where nothing was eligible, warnings about the samples only repeat it.
  const relevant = finding?.eligible === 0 ? model.warnings : new Set([...model.warnings, ...warnings])
  return Array.from(relevant, (warning) => `Warning: ${warning}`)
}

function replay(evidence: Evidence): string[] {
  if (evidence.kind === 'lower-bound') return []
  const path =
    evidence.kind === 'bound-validity' ? evidence.finding?.violations.find((found) => found.path)?.path : undefined
  return [`Replay with { seed: ${evidence.seed}${path === undefined ? '' : `, path: ${JSON.stringify(path)}`} }.`]
}

// Parts of sentences.

function fooledOf({ fooled, eligible, foolingRatio }: AttackFinding | RegressionFinding): string {
  const { value, low, high } = foolingRatio
  return `${fooled} of ${formatCount(eligible, 'sample')}, a fooling ratio of ${formatPercent(value)} (95 % interval ${formatPercent(low)} to ${formatPercent(high)})`
}

function describeAttack(attack: AttackEvidence['attack'] | RegressionAttackEvidence['attack']): string {
  return `Attack: ${attack.name} (${[attack.norm, ...epsilonOf(attack), ...settingsOf(attack.settings)].join(', ')})`
}

function beyond({ quantity, value }: ErrorLimit): string {
  if (quantity === 'psnr') return `a PSNR below ${decibels(value)}`
  return `${quantity === 'mse' ? 'an MSE' : 'a loss'} above ${formatNumber(value)}`
}

function amount({ quantity }: ErrorLimit, error: number): string {
  if (quantity === 'psnr') return `PSNR ${decibels(error)}`
  return `${quantity === 'mse' ? 'MSE' : 'loss'} ${formatNumber(error)}`
}

function decibels(value: number): string {
  return `${value === Number.POSITIVE_INFINITY ? '∞' : formatNumber(value)} dB`
}

function epsilonOf({ epsilon }: Pick<AttackEvidence['attack'], 'epsilon'>): string[] {
  if (epsilon === undefined) return []
  if (typeof epsilon === 'number') return [`ε ${formatNumber(epsilon)}`]
  return [`ε ${formatNumber(Math.min(...epsilon))} to ${formatNumber(Math.max(...epsilon))} per sample`]
}

function settingsOf(settings: Readonly<Record<string, number | string | boolean>>): string[] {
  return Object.entries(settings)
    .filter(([name]) => name !== 'norm' && name !== 'epsilon')
    .map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`)
}

function parenthesized(parts: readonly string[]): string[] {
  return parts.length === 0 ? [] : [`(${parts.join(', ')})`]
}

function indicesWhere(flags: Uint8Array): number[] {
  return Array.from(flags.keys()).filter((index) => flags[index] === 1)
}

function shorten(lines: readonly string[], count: number): string[] {
  const rest = count - shownSamples
  return [...lines.slice(0, shownSamples), ...(rest > 0 ? [`and ${rest} more`] : [])].map((line) => `  ${line}`)
}
