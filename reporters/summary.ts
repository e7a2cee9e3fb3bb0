import type { Evidence, RecordedCheck } from '../src/evidence.js'
import type { AttackNorm } from '../src/geometry/norm.js'
import type { ModelDescription } from '../src/model/classifier.js'
import type { Interval } from '../src/statistics/binomial.js'
import type { Verdict } from '../src/verdict.js'
import type { ModelChecks } from './collect.js'
import { type Contradiction, contradictions, gap } from './gap.js'
import { outdone } from './outdone.js'

/** The numbers of one check that a reader compares. */
export interface CheckSummary {
  readonly file: string
  readonly test: string | undefined
  readonly kind: Evidence['kind']
  readonly verdict: Verdict
  readonly reason?: string
  /** Undefined when the check ran outside an assertion. */
  readonly passed?: boolean
  readonly negated?: boolean
  /** Name of the attack or bound. */
  readonly method: string
  readonly norm: AttackNorm
  /** Radius of the attack (smallest and largest, where it differs between samples), or the radius that had to be certified. */
  readonly radius?: number | readonly [number, number]
  readonly samples: number
  readonly eligible?: number
  readonly cleanAccuracy?: number
  readonly fooled?: number
  readonly foolingRatio?: Interval
  readonly maxFoolingRatio?: number
  /** Of the adversarial examples. */
  readonly medianDistance?: number
  /** How many samples are certified at the radius. */
  readonly certified?: number
  readonly fraction?: number
  readonly certifiedRadius?: { readonly minimum: number; readonly median: number }
  /** Median of (distance of the closest adversarial example − certified radius), same norm and samples. */
  readonly gap?: number
  readonly violations?: number
  readonly warnings: readonly string[]
  readonly device: string
  readonly milliseconds: number
  readonly seed?: number
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

function summarizeCheck({ file, test, evidence }: RecordedCheck, checks: readonly RecordedCheck[]): CheckSummary {
  const { kind, verdict, reason, assertion, samples, warnings, model, milliseconds } = evidence
  return {
    file,
    test,
    kind,
    verdict,
    reason,
    passed: assertion?.passed,
    negated: assertion?.negated,
    samples: samples.count,
    eligible: evidence.finding?.eligible,
    cleanAccuracy: evidence.finding?.cleanAccuracy,
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
        fooled: finding?.fooled,
        foolingRatio: finding?.foolingRatio,
        maxFoolingRatio,
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
        certifiedRadius: finding && { minimum: finding.minimum, median: finding.median },
        gap: gap(evidence, checks),
        violations: finding?.violations.length,
        seed,
      }
    }
  }
}

function range(epsilon: number | Float64Array | undefined): CheckSummary['radius'] {
  return typeof epsilon === 'object' ? [Math.min(...epsilon), Math.max(...epsilon)] : epsilon
}
