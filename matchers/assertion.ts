import type { BudgetSettings } from '../src/budget.js'
import type { Evidence } from '../src/evidence.js'
import { holds, passes } from '../src/verdict.js'
import { failureMessage } from './message.js'

/** The test that a matcher runs in, as far as matchers need to know it. */
export interface RunningTest {
  /** What the test has left of its time, and how it is cancelled. */
  readonly budget: BudgetSettings
  record(evidence: Evidence): void
}

/** What runners expect of a matcher. */
export interface MatcherResult {
  readonly pass: boolean
  message(): string
}

/** Records a check and turns its verdict into what the runner expects. */
export function conclude(evidence: Evidence, negated: boolean, test: RunningTest): MatcherResult {
  const asserted: Evidence = { ...evidence, assertion: { negated, passed: passes(evidence.verdict, negated) } }
  test.record(asserted)
  return {
    // An inconclusive check fails both forms: runners turn `pass` around for the negated one.
    pass: holds(evidence.verdict) ?? negated,
    message: () => failureMessage(asserted),
  }
}
