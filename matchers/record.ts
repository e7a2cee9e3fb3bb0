import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Evidence, encodeEvidence } from '../src/evidence.js'

/** Adds evidence to a Vitest task's `meta`, which travels to the reporter and survives a failure of the test. */
export function recordInTask(task: { readonly meta: object }, evidence: Evidence): void {
  const meta = task.meta as { unfooled?: unknown[] }
  meta.unfooled = [...(meta.unfooled ?? []), encodeEvidence(evidence)]
}

/**
 * Adds evidence to this worker's file in the folder that the Jest reporter made. Jest has no channel for the data of
 * passing tests; without the reporter there is nobody to read it.
 */
export function recordInFile(test: { file: string; name: string | undefined }, evidence: Evidence): void {
  const folder = process.env.UNFOOLED_EVIDENCE_DIR
  if (!folder) return
  const line = JSON.stringify({ file: test.file, test: test.name, evidence: encodeEvidence(evidence) })
  appendFileSync(join(folder, `${process.pid}.jsonl`), `${line}\n`)
}
