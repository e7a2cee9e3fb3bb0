import type { RecordedCheck } from '../src/checks/evidence.js'
import { type FailedTest, failedOutsideChecks } from '../src/checks/failed-test.js'
import { collect, type EncodedCheck } from './collect.js'
import { type ModelSummary, summarize } from './summary.js'

/** What a run found, whatever it is shown as. */
export interface Report {
  /** False when the run was interrupted: tests are missing. */
  readonly complete: boolean
  readonly models: readonly ModelReport[]
  /** Records that could not be read, and why. */
  readonly problems: readonly string[]
  /** Those that no failed check accounts for. */
  readonly failedTests: readonly FailedTest[]
}

export interface ModelReport extends ModelSummary {
  /** The evidence of `checks`, in the same order. */
  readonly records: readonly RecordedCheck[]
}

/** @param failedTests All tests that failed, whether for a check or not. */
export function createReport(
  records: readonly EncodedCheck[],
  complete: boolean,
  failedTests: readonly FailedTest[] = [],
): Report {
  const { models, problems } = collect(records)
  return {
    complete,
    models: models.map((model) => ({ ...summarize(model), records: model.checks })),
    problems,
    failedTests: failedOutsideChecks(
      failedTests,
      models.flatMap(({ checks }) => checks),
    ),
  }
}
