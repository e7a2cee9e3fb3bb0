import type {
  AttackEvidence,
  AttackFinding,
  BaselineEvidence,
  BaselineFinding,
  BoundValidityEvidence,
  BoundValidityFinding,
  ErrorLimit,
  Evidence,
  LowerBoundEvidence,
  LowerBoundFinding,
  PropertyEvidence,
  PropertyFinding,
  RegressionAttackEvidence,
  RegressionFinding,
} from '../src/checks/evidence.js'
import { beyond, decibels } from '../src/checks/reasons.js'
import { formatCount, formatNumber, formatPercent } from '../src/format.js'
import type { Comparison, PairedComparison } from '../src/measures/compare-outcomes.js'
import type { Interval } from '../src/statistics/binomial.js'

/** How many samples a message shows before it only counts the rest. */
const shownSamples = 5

/** Why an assertion failed: what was asked, what was found, and how to see it again. */
export function failureMessage(evidence: Evidence): string {
  const paragraphs = [[hint(evidence)], explain(evidence), [...advice(evidence), ...replay(evidence)]]
  return paragraphs
    .map((lines) => lines.join('\n'))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
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
    case 'baseline':
      return `expect(model)${not}.toMatchRobustnessBaseline(${evidence.method.name})`
    case 'property':
      return `expect(model)${not}.toSatisfyProperty(${evidence.property.name})`
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
    case 'baseline':
      return explainBaseline(evidence, evidence.finding!, evidence.finding!.comparison!)
    case 'property':
      return explainProperty(evidence, evidence.finding!)
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

function explainBaseline(evidence: BaselineEvidence, finding: BaselineFinding, comparison: Comparison): string[] {
  const { model, method, confidence, baseline } = evidence
  const source = [
    describeMethod(method),
    `Baseline: ${baseline.file}, recorded ${describeRecording(evidence)} by unfooled ${baseline.version}`,
  ]
  const level = `${formatPercent(confidence)} confidence`
  if (evidence.verdict === 'kept') {
    return [
      `${model.name} is no weaker than its baseline: ${compared(comparison)}.`,
      `Expected: a regression at ${level}.`,
      ...source,
    ]
  }
  return [
    `${model.name} is weaker than its baseline: ${compared(comparison)}.`,
    `Accepted: what chance makes of the same model, at ${level}.`,
    ...source,
    ...(comparison.paired ? ['Weaker than before:', ...weakerSamples(finding, comparison, method)] : []),
  ]
}

function explainProperty({ model, property }: PropertyEvidence, finding: PropertyFinding): string[] {
  const { eligible, boxes, counterexample } = finding
  if (!counterexample) {
    return [
      `${model.name} satisfies ${property.name}: ${formatCount(eligible, 'unsafe case')}, excluded for all inputs (boxes bounded: ${boxes}).`,
      'Expected: an input that does.',
    ]
  }
  return [
    `${model.name} violates ${property.name}: a fresh run confirms an input that meets unsafe case ${counterexample.met + 1} of ${eligible}.`,
    `  input: ${printNumbers(counterexample.input)}`,
    `  output: ${printNumbers(counterexample.output)}`,
  ]
}

/** Exactly, so that they can be pasted; of many, only the first. */
function printNumbers(numbers: Float64Array): string {
  const most = 16
  const rest = numbers.length - most
  return `[${numbers.slice(0, most).join(', ')}${rest > 0 ? `, … ${rest} more` : ''}]`
}

function compared(comparison: Comparison): string {
  if (!comparison.paired) {
    const share = ({ value, low, high }: Interval) =>
      `${formatPercent(value)} (interval ${formatPercent(low)} to ${formatPercent(high)})`
    return `${share(comparison.now)} of the samples withstand, before ${share(comparison.before)} of others`
  }
  const { worse, better, pValue } = comparison
  return `${formatCount(worse.length, 'sample')} withstand${worse.length === 1 ? 's' : ''} less than before, ${better.length} more (exact McNemar test, p = ${formatNumber(pValue)})`
}

function describeRecording({ baseline, model }: BaselineEvidence): string {
  return baseline.model?.sha256 === model.sha256 ? 'of the same model' : 'of another version of the model'
}

function weakerSamples(
  { perSample }: BaselineFinding,
  { worse }: PairedComparison,
  method: BaselineEvidence['method'],
): string[] {
  const before = perSample.before!
  const withstands = (value: number) => {
    if (method.kind === 'fixed-epsilon') return value > 0 ? 'withstood' : 'fooled'
    if (value === Number.POSITIVE_INFINITY) return 'no adversarial example'
    return `${method.kind === 'bound' ? 'certified radius' : 'distance'} ${formatNumber(value)}`
  }
  const lines = Array.from(worse, (sample) => {
    const now = perSample.eligible[sample] ? withstands(perSample.withstood[sample]) : 'misclassified'
    return `sample ${sample}: ${now}, before ${withstands(before[sample])}`
  })
  return shorten(lines, lines.length)
}

/** Warning that an update has replaced a baseline that could not be compared. */
export function baselineReplaced(file: string, reason: string): string {
  return `The baseline was replaced without a comparison: ${reason} Review the change of ${file}.`
}

/** Warning that an update has made a baseline worse; none where it has not. */
export function baselineWeakened(file: string, comparison: Comparison): string[] {
  const worse = comparison.paired ? comparison.worse.length > 0 : comparison.now.value < comparison.before.value
  if (!worse) return []
  return [`The update of the baseline accepts a weaker model: ${compared(comparison)}. Review the change of ${file}.`]
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

/** What a report says where the runner tried again what had failed. */
export function triedAgain(attempt: number): string {
  return `This is attempt ${attempt} of the test: the runner tries again what fails, and what the attempts before found is not reported.`
}

function advice({ model, warnings, finding }: Evidence): string[] {
  // Where nothing was eligible, warnings about the samples only repeat it.
  const relevant = finding?.eligible === 0 ? model.warnings : new Set([...model.warnings, ...warnings])
  return Array.from(relevant, (warning) => `Warning: ${warning}`)
}

function replay(evidence: Evidence): string[] {
  if (evidence.kind === 'baseline') {
    const replay = evidence.seed === undefined ? [] : [`Replay with { seed: ${evidence.seed} }.`]
    const accept = 'If this is intended, run with -u, and have the change of the baseline reviewed.'
    return evidence.verdict === 'regressed' ? [accept, ...replay] : replay
  }
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

function describeMethod({ kind, ...method }: BaselineEvidence['method']): string {
  const settings = [method.norm, ...epsilonOf(method), ...settingsOf(method.settings)].join(', ')
  return `${kind === 'bound' ? 'Bound' : 'Attack'}: ${method.name} (${settings})`
}

function amount({ quantity }: ErrorLimit, error: number): string {
  if (quantity === 'psnr') return `PSNR ${decibels(error)}`
  return `${quantity === 'mse' ? 'MSE' : 'loss'} ${formatNumber(error)}`
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
