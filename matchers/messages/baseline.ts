import type { BaselineEvidence, BaselineFinding } from '../../src/checks/evidence.js'
import { formatCount, formatNumber, formatPercent } from '../../src/format.js'
import type { Comparison, PairedComparison } from '../../src/measures/compare-outcomes.js'
import type { Interval } from '../../src/statistics/binomial.js'
import { describeMethod, shorten } from './phrases.js'

export function explainBaseline(
  evidence: BaselineEvidence,
  finding: BaselineFinding,
  comparison: Comparison,
): string[] {
  const { model, method, confidence, baseline } = evidence
  const source = [
    describeMethod(method.kind === 'bound' ? 'Bound' : 'Attack', method),
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
