import { encodeEvidence } from '../src/checks/encoded-evidence.js'
import { encodeJson } from '../src/checks/json-safe.js'
import type { Report } from './report.js'

/** The report as JSON text, described by report.schema.json: a summary of every model, and the complete evidence of every check. */
export function renderJson({ complete, models, problems, failedTests }: Report): string {
  const report = {
    schemaVersion: 1,
    complete,
    problems,
    failedTests,
    models: models.map(({ records: _, ...summary }) => encodeJson(summary)),
    checks: models.flatMap(({ records }) =>
      records.map(({ evidence, ...test }) => ({ ...test, evidence: encodeEvidence(evidence) })),
    ),
  }
  return `${JSON.stringify(report)}\n`
}
