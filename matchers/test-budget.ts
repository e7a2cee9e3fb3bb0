import type { BudgetSettings } from '../src/budget.js'

/** The rest is for the message, the report and what the test does afterwards. */
const share = 0.9

export interface TestTime {
  /** Milliseconds; 0 and undefined mean that there is no limit, or none that is known. */
  readonly timeout: number | undefined
  /** Milliseconds since the test began. */
  readonly elapsed: number
  readonly signal?: AbortSignal
}

/** What a check may spend so that the runner's timeout does not cut it off: an interrupted check still has a result. */
export function testBudget({ timeout, elapsed, signal }: TestTime): BudgetSettings {
  if (!timeout) return { signal }
  return { milliseconds: Math.max(0, share * timeout - elapsed), signal }
}
