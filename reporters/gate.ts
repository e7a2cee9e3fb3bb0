import { type GateSettings, gate } from '../src/checks/gate.js'
import { formatCount } from '../src/format.js'
import type { Report } from './report.js'

/** Whether the gate lets a run pass, and what to print about it. */
export function decide(report: Report, settings: GateSettings): { readonly passed: boolean; readonly text: string } {
  const checks = report.models.flatMap((model) => model.records)
  const { passed, reasons } = gate({ ...report, checks }, settings)
  const lines = passed
    ? [`The gate passed: ${formatCount(checks.length, 'check')}.`]
    : ['The gate failed:', ...reasons.map((reason) => `✗ ${reason}`)]
  return { passed, text: lines.join('\n') }
}
