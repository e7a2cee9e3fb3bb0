import type { BaselineEvidence, Evidence, RecordedCheck, StoredBaseline } from '../src/checks/evidence.js'
import type { Place } from '../src/checks/place.js'
import { failedAsExpected, type Verdict } from '../src/checks/verdict.js'
import type { AttackNorm } from '../src/geometry/norm.js'
import type { ModelDescription } from '../src/model/model.js'
import type { Interval } from '../src/statistics/binomial.js'
import { extremes } from '../src/statistics/extremes.js'
import type { ModelChecks } from './collect.js'
import { type Contradiction, contradictions, gap } from './gap.js'
import { outdone } from './outdone.js'

/** The numbers of one check that a reader compares. */
export interface CheckSummary extends Place {
  /** Line of the test in the file, where the runner says it. */
  readonly line?: number
  /** What to type to make the check again, in the folder of the project. */
  readonly command?: string
  readonly kind: Evidence['kind']
  readonly verdict: Verdict
  readonly reason?: string
  /** Undefined when the check ran outside an assertion. */
  readonly passed?: boolean
  readonly negated?: boolean
  /** It did not pass, and the runner passes the test for it: `test.fails` of Vitest, `test.failing` of Jest. */
  readonly failedAsExpected?: true
  /** Name of the attack or bound. */
  readonly method: string
  /** Absent where the inputs are in a box. */
  readonly norm?: AttackNorm
  /** Radius of the attack (smallest and largest, where it differs between samples), or the radius that had to be certified. */
  readonly radius?: number | readonly [number, number]
  readonly samples: number
  readonly eligible?: number
  readonly cleanAccuracy?: number
  readonly fooled?: number
  readonly foolingRatio?: Interval
  readonly maxFoolingRatio?: number
  /** Of a regressor's outputs, in dB: median over the samples without and with the attack. */
  readonly outputPsnr?: { readonly clean: number; readonly attacked: number }
  /** Of the adversarial examples. */
  readonly medianDistance?: number
  /** How many samples are certified at the radius, or cases of a property excluded. */
  readonly certified?: number
  readonly fraction?: number
  readonly certifiedRadius?: { readonly minimum: number; readonly median: number }
  /** Median of (distance of the closest adversarial example − certified radius), same norm and samples. */
  readonly gap?: number
  readonly violations?: number
  readonly baseline?: BaselineSummary
  readonly warnings: readonly string[]
  readonly device: string
  readonly milliseconds: number
  readonly seed?: number
}

/** What became of the samples since the baseline was stored. */
export interface BaselineSummary extends Pick<StoredBaseline, 'file' | 'state'> {
  /** Of the same samples: how many withstand less and more than before. */
  readonly paired?: { readonly worse: number; readonly better: number }
  /** Of other samples: the shares that withstand the attack. */
  readonly unpaired?: { readonly before: Interval; readonly now: Interval }
}

export interface ModelSummary {
  readonly model: ModelDescription
  readonly checks: readonly CheckSummary[]
  readonly contradictions: readonly Contradiction[]
}

export function summarize({ model, checks }: ModelChecks): ModelSummary {
  return {
    model,
    checks: checks.map((check) => summarizeCheck(check, checks)),
    contradictions: contradictions(checks),
  }
}

function summarizeCheck({ evidence, ...place }: RecordedCheck, checks: readonly RecordedCheck[]): CheckSummary {
  const { kind, verdict, reason, assertion, samples, warnings, model, milliseconds } = evidence
  return {
    ...place,
    kind,
    verdict,
    reason,
    passed: assertion?.passed,
    negated: assertion?.negated,
    ...(failedAsExpected(evidence) && { failedAsExpected: true }),
    samples: samples.count,
    eligible: evidence.finding?.eligible,
    ...findings(evidence, checks),
    warnings: [...warnings, ...outdone(evidence, checks)],
    device: model.device,
    milliseconds,
  }
}

function findings(evidence: Evidence, checks: readonly RecordedCheck[]) {
  switch (evidence.kind) {
    case 'attack': {
      const { attack, finding, maxFoolingRatio, seed } = evidence
      return {
        method: attack.name,
        norm: attack.norm,
        radius: range(attack.epsilon),
        cleanAccuracy: finding?.cleanAccuracy,
        fooled: finding?.fooled,
        foolingRatio: finding?.foolingRatio,
        maxFoolingRatio,
        medianDistance: finding?.medianDistance,
        seed,
      }
    }
    case 'regression-attack': {
      const { attack, finding, maxFoolingRatio, seed } = evidence
      return {
        method: attack.name,
        norm: attack.norm,
        radius: range(attack.epsilon),
        fooled: finding?.fooled,
        foolingRatio: finding?.foolingRatio,
        maxFoolingRatio,
        outputPsnr: finding && { clean: finding.medianCleanPsnr, attacked: finding.medianOutputPsnr },
        medianDistance: finding?.medianDistance,
        seed,
      }
    }
    case 'lower-bound': {
      const { bound, radius, fraction, finding } = evidence
      return {
        method: bound.name,
        norm: bound.norm,
        radius,
        cleanAccuracy: finding?.cleanAccuracy,
        certified: finding?.certified,
        fraction,
        gap: gap(evidence, checks),
      }
    }
    case 'bound-validity': {
      const { bound, finding, seed } = evidence
      return {
        method: bound.name,
        norm: bound.norm,
        cleanAccuracy: finding?.cleanAccuracy,
        certifiedRadius: finding && { minimum: finding.minimum, median: finding.median },
        gap: gap(evidence, checks),
        violations: finding?.violations.length,
        seed,
      }
    }
    case 'baseline': {
      const { method, finding, seed } = evidence
      return {
        method: method.name,
        norm: method.norm,
        radius: range(method.epsilon),
        cleanAccuracy: finding?.cleanAccuracy,
        baseline: summarizeBaseline(evidence),
        seed,
      }
    }
    case 'property': {
      const { property, finding, seed } = evidence
      return { method: property.name, certified: finding?.excluded, seed }
    }
  }
}

function summarizeBaseline({ baseline, finding }: BaselineEvidence): BaselineSummary {
  const { file, state } = baseline
  const comparison = finding?.comparison
  if (!comparison) return { file, state }
  if (!comparison.paired) return { file, state, unpaired: { before: comparison.before, now: comparison.now } }
  return { file, state, paired: { worse: comparison.worse.length, better: comparison.better.length } }
}

function range(epsilon: number | Float64Array | undefined): CheckSummary['radius'] {
  return typeof epsilon === 'object' ? extremes(epsilon) : epsilon
}
