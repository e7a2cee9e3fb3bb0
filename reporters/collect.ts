import { decodeEvidence } from '../src/checks/encoded-evidence.js'
import type { RecordedCheck } from '../src/checks/evidence.js'
import type { JsonSafe } from '../src/checks/json-safe.js'
import { type Place, placeName } from '../src/checks/place.js'
import type { ModelDescription } from '../src/model/model.js'

/** A record as a runner hands it over. */
export interface EncodedCheck extends Place {
  readonly line?: number
  readonly command?: string
  readonly evidence: JsonSafe
}

/** The checks of one model on one device. */
export interface ModelChecks {
  readonly model: ModelDescription
  readonly checks: readonly RecordedCheck[]
}

/** Everything that a run recorded. */
export interface Collection {
  readonly models: readonly ModelChecks[]
  /** Records that could not be read, and why. */
  readonly problems: readonly string[]
}

/** Sorts the records of a run by model; within a model by file, and within a file in the order of the tests. */
export function collect(records: readonly EncodedCheck[]): Collection {
  const models = new Map<string, { model: ModelDescription; checks: RecordedCheck[] }>()
  const problems: string[] = []
  // Files finish in any order; sorting is stable, so the tests of one file stay in theirs.
  for (const { evidence: encoded, ...place } of records.toSorted((left, right) => compare(left.file, right.file))) {
    try {
      const evidence = decodeEvidence(encoded)
      const { model } = evidence
      const key = JSON.stringify([model.name, model.sha256, model.device])
      const known = models.get(key) ?? { model, checks: [] }
      known.checks.push({ ...place, evidence })
      models.set(key, known)
    } catch (error) {
      problems.push(`${placeName(place)}: ${(error as Error).message}`)
    }
  }
  return { models: [...models.values()], problems }
}

function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
