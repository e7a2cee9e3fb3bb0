import type { BudgetSettings } from '../src/budget.js'
import type { Evidence, ShardOfSamples } from '../src/checks/evidence.js'
import { shardAlone } from '../src/checks/reasons.js'
import { holds, passes } from '../src/checks/verdict.js'
import { failureMessage, triedAgain } from './messages/failure-message.js'
import type { BaselinePlace } from './to-match-robustness-baseline.js'

/** The test that a matcher runs in, as far as matchers need to know it. */
export interface RunningTest {
  /** What the test has left of its time, and how it is cancelled. */
  readonly budget: BudgetSettings
  readonly baselines: BaselinePlace
  /** More than 1 where the runner tries again what failed. Undefined where it does not say. */
  readonly attempt?: number | undefined
  /** The runner passes the test if it fails. */
  readonly expectedToFail?: boolean | undefined
  record(evidence: Evidence): void
}

/** What runners expect of a matcher. */
export interface MatcherResult {
  readonly pass: boolean
  message(): string
}

/** Records a check and turns its verdict into what the runner expects. */
export function conclude(found: Evidence, negated: boolean, test: RunningTest, shard?: ShardOfSamples): MatcherResult {
  const { attempt = 1 } = test
  const evidence = attempt > 1 ? { ...found, warnings: [...found.warnings, triedAgain(attempt)] } : found
  if (shard && isForMerging(evidence)) {
    const reason = shardAlone(shard)
    // The test goes on, and nobody who reads the record alone takes it for passed.
    test.record({ ...evidence, shard, verdict: 'inconclusive', reason, assertion: { negated, passed: false } })
    return { pass: !negated, message: () => reason }
  }
  const asserted: Evidence = {
    ...evidence,
    ...(shard && { shard }),
    assertion: {
      negated,
      passed: passes(evidence.verdict, negated),
      ...(test.expectedToFail && { expectedToFail: true }),
    },
  }
  test.record(asserted)
  return {
    // An inconclusive check fails both forms: runners turn `pass` around for the negated one.
    pass: holds(evidence.verdict) ?? negated,
    message: () => failureMessage(asserted),
  }
}

/** The test ends as it should, and its first shard decides: the merged run has the verdict of that. */
export function leaveToFirstShard(negated: boolean, { expectedToFail = false }: RunningTest): MatcherResult {
  // Runners turn `pass` around for the negated form.
  return { pass: negated === expectedToFail, message: () => 'The first shard makes this check.' }
}

/** Whether the shard has done its part: then the others decide, too. */
function isForMerging({ finding, interrupted, verdict, ...check }: Evidence): boolean {
  if (!finding || (interrupted && verdict === 'inconclusive')) return false
  return check.kind !== 'baseline' || check.baseline.state === 'compared'
}
