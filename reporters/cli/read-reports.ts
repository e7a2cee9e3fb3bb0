import { readFile } from 'node:fs/promises'
import { EvidenceError } from '../../src/checks/encoded-evidence.js'
import type { FailedTest } from '../../src/checks/failed-test.js'
import type { EncodedCheck } from '../collect.js'
import { readUnfinished } from '../unfinished.js'

/** What the JSON reports of one or several runs have together. */
export interface StoredRuns {
  readonly records: readonly EncodedCheck[]
  /** Whether all runs were. */
  readonly complete: boolean
  /** Records that could not be read when the reports were written. */
  readonly problems: readonly string[]
  readonly failedTests: readonly FailedTest[]
}

/** @throws EvidenceError when a file cannot be read, or is no JSON report of this version. */
export async function readReports(paths: readonly string[]): Promise<StoredRuns> {
  const runs: StoredRuns[] = []
  for (const path of paths) runs.push(await readReport(path))
  return {
    records: runs.flatMap(({ records }) => records),
    complete: runs.every(({ complete }) => complete),
    problems: runs.flatMap(({ problems }) => problems),
    failedTests: runs.flatMap(({ failedTests }) => failedTests),
  }
}

async function readReport(path: string): Promise<StoredRuns> {
  const unfinished = readUnfinished(path)
  if (unfinished) return { records: unfinished, complete: false, problems: [], failedTests: [] }
  const report = parse(path, await readFile(path, 'utf8').catch((cause: Error) => refuse(path, cause.message)))
  if (!isRecord(report) || !Array.isArray(report.checks)) refuse(path, 'it is no JSON report of unfooled.')
  if (report.schemaVersion !== 1) {
    refuse(path, `it has version ${report.schemaVersion}; this version of unfooled reads version 1.`)
  }
  // The first reports of version 1 had none.
  const { failedTests = [] } = report
  const isWhole =
    typeof report.complete === 'boolean' &&
    isListOf(report.problems, (problem) => typeof problem === 'string') &&
    isListOf(report.checks, (check) => isRecord(check) && typeof check.file === 'string' && 'evidence' in check) &&
    isListOf(failedTests, (test) => isRecord(test) && typeof test.file === 'string' && typeof test.message === 'string')
  if (!isWhole) refuse(path, 'it is damaged: fields are missing.')
  const { checks: records, complete, problems } = report as unknown as StoredRuns & { checks: EncodedCheck[] }
  return { records, complete, problems, failedTests: failedTests as FailedTest[] }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    return refuse(path, (cause as Error).message)
  }
}

function refuse(path: string, why: string): never {
  throw new EvidenceError(`${path}: cannot be read: ${why}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isListOf(value: unknown, isEntry: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isEntry)
}
