import { comparePaired, compareUnpaired, isRegression } from '../measures/compare-outcomes.js'
import { binomialInterval, type Interval } from '../statistics/binomial.js'
import type {
  AttackEvidence,
  AttackFinding,
  BaselineEvidence,
  BaselineFinding,
  BoundValidityEvidence,
  BoundValidityFinding,
  LowerBoundEvidence,
  LowerBoundFinding,
  PropertyEvidence,
  PropertyFinding,
  RegressionAttackEvidence,
  RegressionFinding,
} from './evidence.js'
import * as reasons from './reasons.js'
import type { Verdict } from './verdict.js'

/** A verdict, and why there is no other one where it is `inconclusive`. */
export interface Judgement {
  readonly verdict: Verdict
  readonly reason?: string
}

/** Evidence with its verdict. Without a finding it is inconclusive, for the reason that the analysis gives. */
export function withVerdict<Finding, Check extends { readonly finding: Finding | undefined }>(
  evidence: Check,
  reason: string | undefined,
  judge: (finding: Finding, evidence: Check) => Judgement,
): Check & Judgement {
  const { finding } = evidence
  return { ...evidence, ...(finding === undefined ? { verdict: 'inconclusive', reason } : judge(finding, evidence)) }
}

export function judgeAttack(
  finding: AttackFinding,
  check: Pick<AttackEvidence, 'maxFoolingRatio' | 'confidence' | 'interrupted' | 'milliseconds'>,
): Judgement {
  const { eligible, fooled, foolingRatio, perSample } = finding
  if (eligible === 0) {
    return { verdict: 'inconclusive', reason: reasons.nothingEligible(perSample.eligible.length) }
  }
  if (Number.isNaN(foolingRatio.value)) return { verdict: 'inconclusive', reason: reasons.notFinite('fooling ratio') }
  const ratio = check.confidence === undefined ? exactly(fooled / eligible) : atConfidence(finding, check.confidence)
  // Going on can only fool more samples, so an interrupted attack that has fooled too many has decided.
  if (ratio.low > check.maxFoolingRatio) return { verdict: 'fooled' }
  if (check.interrupted) return { verdict: 'inconclusive', reason: reasons.attackInterrupted(finding, check) }
  if (finding.unproved) return { verdict: 'inconclusive', reason: reasons.attackUnproved(finding) }
  if (ratio.high <= check.maxFoolingRatio) return { verdict: 'resists' }
  return {
    verdict: 'inconclusive',
    reason: reasons.tooFewSamples(finding, ratio, check.maxFoolingRatio, check.confidence!),
  }
}

function exactly(value: number): Interval {
  return { value, low: value, high: value }
}

/** Each end of a two-sided interval at 2c − 1 is a one-sided bound at confidence c. */
function atConfidence({ fooled, eligible }: AttackFinding, confidence: number): Interval {
  return binomialInterval(fooled, eligible, 2 * confidence - 1)
}

export function judgeRegression(
  finding: RegressionFinding,
  check: Pick<RegressionAttackEvidence, 'limit' | 'maxFoolingRatio' | 'interrupted' | 'milliseconds'>,
): Judgement {
  const { eligible, fooled, perSample } = finding
  if (eligible === 0) {
    return { verdict: 'inconclusive', reason: reasons.nothingWithinLimit(perSample.eligible.length, check.limit) }
  }
  // Going on can only move more outputs, so an interrupted attack that has moved too many has decided.
  if (fooled / eligible > check.maxFoolingRatio) return { verdict: 'fooled' }
  if (!check.interrupted) return { verdict: 'resists' }
  return { verdict: 'inconclusive', reason: reasons.attackInterrupted(finding, check) }
}

export function judgeLowerBound(
  { eligible, certified, perSample }: LowerBoundFinding,
  { fraction, interrupted, milliseconds }: Pick<LowerBoundEvidence, 'fraction' | 'interrupted' | 'milliseconds'>,
): Judgement {
  if (eligible === 0) return { verdict: 'inconclusive', reason: reasons.nothingEligible(perSample.eligible.length) }
  if (certified / eligible >= fraction) return { verdict: 'certified' }
  if (perSample.margins.some((margin, sample) => perSample.eligible[sample] && Number.isNaN(margin))) {
    return { verdict: 'inconclusive', reason: reasons.notFinite('margin') }
  }
  if (interrupted)
    return { verdict: 'inconclusive', reason: reasons.boundInterrupted(certified, eligible, milliseconds) }
  return { verdict: 'uncertified' }
}

export function judgeBoundValidity(
  finding: BoundValidityFinding,
  { attacks, interrupted, milliseconds }: Pick<BoundValidityEvidence, 'attacks' | 'interrupted' | 'milliseconds'>,
): Judgement {
  const { eligible, violations, perSample } = finding
  if (violations.length > 0) return { verdict: 'violated' }
  if (eligible === 0) return { verdict: 'inconclusive', reason: reasons.nothingEligible(perSample.eligible.length) }
  if (!perSample.radii.every((radius) => Number.isFinite(radius) && radius >= 0)) {
    return { verdict: 'inconclusive', reason: reasons.notFinite('certified radius') }
  }
  if (interrupted) return { verdict: 'inconclusive', reason: reasons.validityInterrupted(finding, milliseconds) }
  if (!perSample.radii.some((radius) => radius > 0)) {
    return { verdict: 'inconclusive', reason: reasons.nothingCertified(eligible) }
  }
  if (attacks.length === 0 && finding.runs === 0) return { verdict: 'inconclusive', reason: reasons.nothingTried() }
  return { verdict: 'valid' }
}

export function judgeProperty(
  { eligible, excluded, counterexample }: PropertyFinding,
  { interrupted, milliseconds }: Pick<PropertyEvidence, 'interrupted' | 'milliseconds'>,
): Judgement {
  if (counterexample) return { verdict: 'refuted' }
  if (excluded === eligible) return { verdict: 'proved' }
  const reason = interrupted
    ? reasons.verificationInterrupted(excluded, eligible, milliseconds)
    : reasons.undecided(excluded, eligible)
  return { verdict: 'inconclusive', reason }
}

/** Of a comparison with a baseline; one that could not be made has a reason already. */
export function judgeBaseline(
  finding: BaselineFinding,
  { method, confidence, interrupted, milliseconds }: Omit<BaselineEvidence, 'verdict' | 'finding'>,
): Judgement {
  const { comparison, perSample } = finding
  const unfit = whyNoBaseline(finding)
  if (unfit !== undefined) return { verdict: 'inconclusive', reason: unfit }
  const weak = whyNothingToLose(perSample.before!, comparison!.paired, confidence, perSample.withstood.length)
  if (weak !== undefined) return { verdict: 'inconclusive', reason: weak }
  const regressed = isRegression(comparison!, confidence)
  // With more time an attack fools more samples, and a bound certifies larger radii.
  const decided = method.kind === 'bound' ? !regressed : regressed
  if (interrupted && !decided) return { verdict: 'inconclusive', reason: reasons.comparisonInterrupted(milliseconds) }
  return { verdict: regressed ? 'regressed' : 'kept' }
}

/** Why what was found cannot be compared with anything; undefined where it can. */
export function whyNoBaseline({ eligible, perSample }: BaselineFinding): string | undefined {
  if (eligible === 0) return reasons.nothingEligible(perSample.eligible.length)
  return perSample.withstood.some(Number.isNaN) ? reasons.notFinite('distance or radius') : undefined
}

/**
 * Why even the loss of everything that withstood would be no regression; undefined where it would be one.
 * @param count How many samples are compared with them. Default: they are the same ones.
 */
export function whyNothingToLose(
  before: Float64Array,
  paired: boolean,
  confidence: number,
  count = before.length,
): string | undefined {
  const nothing = new Float64Array(count)
  const worst = paired ? comparePaired(before, nothing) : compareUnpaired(before, nothing, confidence)
  if (isRegression(worst, confidence)) return undefined
  const withstood = before.filter((value) => value > 0).length
  return reasons.nothingToLose({ withstood, before: before.length, now: count }, confidence, paired)
}
