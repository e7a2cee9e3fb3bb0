import type { Verdict } from '../src/checks/verdict.js'
import { attention } from './attention.js'
import { describeCheck } from './columns.js'
import { inRepository } from './location.js'
import type { Report } from './report.js'
import type { CheckSummary } from './summary.js'

/** What a failed check with each verdict says about the model. */
const rules: Readonly<Record<Verdict, string>> = {
  fooled: 'An attack fools more samples than accepted.',
  resists: 'The model resists an attack that was expected to fool it.',
  uncertified: 'Fewer samples are certified than required.',
  certified: 'More samples are certified than expected.',
  violated: 'An adversarial example lies within a certified radius: the bound is wrong.',
  valid: 'Nothing refutes certified radii that were expected to be refuted.',
  regressed: 'The model is easier to fool than its baseline says.',
  kept: 'The model is as hard to fool as its baseline says, and was expected not to be.',
  proved: 'The model satisfies a property that it was expected to violate.',
  refuted: 'An input violates a safety property.',
  inconclusive: 'The check could not tell.',
}

/**
 * The report as SARIF 2.1.0 for code scanning: a rule per verdict, a result per failed or inconclusive check, located at
 * its test file. Warnings, tests that failed outside their checks, and what keeps the report from being complete, are
 * notifications of the run.
 * @param folder Folder of the project in its repository; empty where they are the same.
 */
export function renderSarif(report: Report, folder: string): string {
  const attentions = attention(report)
  const run = {
    tool: {
      driver: {
        name: 'unfooled',
        rules: Object.entries(rules).map(([id, text]) => ({ id, shortDescription: { text } })),
      },
    },
    invocations: [
      {
        executionSuccessful: report.complete && report.problems.length === 0 && report.failedTests.length === 0,
        toolExecutionNotifications: attentions
          .filter(({ check }) => !check)
          .map(({ subject, text, failedTest }) => ({
            level: failedTest ? 'error' : 'warning',
            message: { text: subject === undefined ? text : `${subject}: ${text}` },
          })),
      },
    ],
    results: attentions.flatMap(({ subject, text, check }) =>
      check ? [result(check, `${subject} (${describeCheck(check)}): ${text}`, folder)] : [],
    ),
  }
  return `${JSON.stringify({ $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [run] })}\n`
}

function result({ file, line = 1, passed, verdict }: CheckSummary, text: string, folder: string) {
  return {
    ruleId: verdict,
    ruleIndex: Object.keys(rules).indexOf(verdict),
    // A check outside an assertion may be inconclusive without failing a test.
    level: passed === false ? 'error' : 'warning',
    message: { text },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: inRepository(file, folder).split('/').map(encodeURIComponent).join('/') },
          region: { startLine: line },
        },
      },
    ],
  }
}
