import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeEvidence } from '../src/evidence.js'
import { encodeJson } from '../src/json-safe.js'
import type { Report } from './report.js'

export const defaultOutputFile = 'unfooled-report/report.json'

/** The report as JSON text: the summary of every model, and the complete evidence of every check. */
export function renderJson({ complete, models, checks, problems }: Report): string {
  const report = {
    schemaVersion: 1,
    complete,
    problems,
    models: encodeJson(models),
    checks: checks.map(({ evidence, ...test }) => ({ ...test, evidence: encodeEvidence(evidence) })),
  }
  return `${JSON.stringify(report)}\n`
}

export function writeJson(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, renderJson(report))
}
