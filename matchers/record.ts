import { appendFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { threadId } from 'node:worker_threads'
import { encodeEvidence } from '../src/checks/encoded-evidence.js'
import type { Evidence } from '../src/checks/evidence.js'

interface Task {
  readonly meta: object
}

interface RecordingMeta {
  unfooled?: readonly unknown[]
}

/** Adds evidence to a Vitest task's `meta`, which travels to the reporter and survives a failure of the test. */
export function recordInTask(task: Task, evidence: Evidence): void {
  const meta: RecordingMeta = task.meta
  meta.unfooled = [...recordsOf(task), encodeEvidence(evidence)]
}

export function recordsOf({ meta }: Task): readonly unknown[] {
  return (meta as RecordingMeta).unfooled ?? []
}

/** Drops what was recorded after the first ones. */
export function keepRecords(task: Task, count: number): void {
  const meta: RecordingMeta = task.meta
  if (meta.unfooled) meta.unfooled = meta.unfooled.slice(0, count)
}

/** A test as a file of evidence names it. */
export interface RecordingTest {
  /** Absolute path. */
  readonly file: string
  /** Undefined where it could be any of several concurrent ones. */
  readonly name: string | undefined
  /** Name of the project, where it has one. */
  readonly project?: string | undefined
  /** Of Jest: tells apart the runs of one file by several projects that have no names. */
  readonly fileRun?: string
  /** From 1; more where the runner tries again what failed. Undefined where it does not say. */
  readonly attempt: number | undefined
}

/**
 * Adds evidence to this worker's file in the folder that the reporter made. It is what a run that is killed leaves, and for
 * Jest, which has no channel for the data of passing tests, the only way. Without the reporter there is nobody to read it.
 */
export function recordInFile({ file, name, project, fileRun, attempt }: RecordingTest, evidence: Evidence): void {
  const folder = process.env.UNFOOLED_EVIDENCE_DIR
  if (!folder) return
  const line = {
    file: relative(folder, file),
    test: name,
    project,
    fileRun,
    attempt,
    evidence: encodeEvidence(evidence),
  }
  appendFileSync(join(folder, `${process.pid}-${threadId}.jsonl`), `${JSON.stringify(line)}\n`)
}
