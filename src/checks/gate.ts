import { formatCount, formatNumber } from '../format.js'
import type { Evidence, RecordedCheck } from './evidence.js'
import { type FailedTest, whyFailed } from './failed-test.js'
import { placeName } from './place.js'
import { failedAsExpected, holds } from './verdict.js'

/** What a run recorded. */
export interface GatedRun {
  /** False when the run was interrupted: tests are missing. */
  readonly complete: boolean
  /** Records that could not be read, and why. */
  readonly problems: readonly string[]
  /** Those that no failed check accounts for. */
  readonly failedTests: readonly FailedTest[]
  /** Checks of shards have to be merged before. */
  readonly checks: readonly RecordedCheck[]
}

export interface GateSettings {
  /** Fails when a model has no check against a baseline that passed. Default false. */
  readonly requireBaselines?: boolean
}

export interface GateResult {
  readonly passed: boolean
  /** Everything that the gate failed for; empty when it passed. */
  readonly reasons: readonly string[]
}

/**
 * Decides whether a run may go on to be merged or released: only when it is complete, everything in it could be read,
 * no test failed, and there were checks, all of which passed, or failed where their tests are expected to.
 */
export function gate(
  { complete, problems, failedTests, checks }: GatedRun,
  { requireBaselines = false }: GateSettings = {},
): GateResult {
  const reasons = [
    ...(complete ? [] : ['The run is not complete: checks are missing.']),
    ...problems.map((problem) => `Unreadable evidence: ${problem}`),
    ...failedTests.map((test) => `${placeName(test)}: ${whyFailed(test)}`),
    ...(checks.length === 0 ? ['There are no checks.'] : []),
    ...checks.flatMap((check) => faultsOf(check.evidence).map((reason) => `${location(check)}: ${reason}`)),
    ...(requireBaselines ? modelsWithoutBaseline(checks) : []),
  ]
  return { passed: reasons.length === 0, reasons }
}

function faultsOf(evidence: Evidence): string[] {
  const { shard, verdict, reason, assertion } = evidence
  if (shard) return [`${formatCount(shard.count, 'shard')} of the samples, not merged.`]
  if (verdict === 'inconclusive') return [`inconclusive. ${reason}`]
  if (failedAsExpected(evidence)) return []
  // Outside an assertion what was asked has to be true, as in the plain form.
  if (!(assertion?.passed ?? holds(verdict))) return [`${assertion?.negated ? 'not expected: ' : ''}${verdict}.`]
  if (evidence.kind === 'baseline' && evidence.baseline.state !== 'compared') {
    return [`the baseline ${evidence.baseline.file} was ${evidence.baseline.state}, so nothing was compared with it.`]
  }
  return []
}

function modelsWithoutBaseline(checks: readonly RecordedCheck[]): string[] {
  const models = new Set(checks.map(({ evidence }) => evidence.model.name))
  for (const { evidence } of checks) {
    if (evidence.kind === 'baseline' && evidence.verdict === 'kept') models.delete(evidence.model.name)
  }
  return Array.from(models, (name) => `${name}: no check against a baseline passed.`)
}

/** An audit makes several checks of one model, and has no tests that they belong to. */
function location(check: RecordedCheck): string {
  return check.test === undefined ? `${placeName(check)}, ${methodOf(check.evidence)}` : placeName(check)
}

function methodOf(evidence: Evidence): string {
  if ('property' in evidence) return evidence.property.name
  const method = 'attack' in evidence ? evidence.attack : 'bound' in evidence ? evidence.bound : evidence.method
  const radius = 'epsilon' in method && typeof method.epsilon === 'number' ? ` ${formatNumber(method.epsilon)}` : ''
  return `${method.name} ${method.norm}${radius}`
}
