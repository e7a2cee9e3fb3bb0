import * as reasons from '../checks/reasons.js'
import type { Baseline } from './baseline.js'
import { BaselineError } from './baseline-error.js'
import { differences } from './setting.js'
import { readBaseline } from './store.js'

/** What is stored for a check. */
export type Recalled =
  | { readonly state: 'missing' }
  | { readonly state: 'comparable'; readonly baseline: Baseline }
  /** Unreadable, or of another setting. */
  | { readonly state: 'refused'; readonly reason: string }

/** Looks for a baseline that the outcomes of a check may be compared with. */
export function recallBaseline(
  testFile: string,
  file: string,
  current: Pick<Baseline, 'check' | 'setting'>,
  resampled: boolean,
): Recalled {
  try {
    const baseline = readBaseline(testFile, file)
    if (!baseline) return { state: 'missing' }
    const others = differences(baseline, current, resampled)
    if (others.length === 0) return { state: 'comparable', baseline }
    return { state: 'refused', reason: reasons.baselineOfAnotherSetting(file, others) }
  } catch (error) {
    if (!(error instanceof BaselineError)) throw error
    return { state: 'refused', reason: reasons.baselineUnreadable(file, error) }
  }
}
