import { expect, test } from 'vitest'
import { createReport } from '../../reporters/report.js'
import { renderSarif } from '../../reporters/sarif.js'
import {
  attackEvidence,
  everyKindOfEvidence,
  hostileEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  records,
} from './evidence.js'
import { sarifFaults } from './validate.js'

function render(...[report, folder]: [Parameters<typeof renderSarif>[0], string?]) {
  return JSON.parse(renderSarif(report, folder ?? ''))
}

test('a rule per verdict and a result per check that failed or could not tell', () => {
  const warned = attackEvidence({ warnings: ['A warning.'] })
  const measured = { ...inconclusiveEvidence(), assertion: undefined }
  const checks = [warned, inconclusiveEvidence(), lowerBoundEvidence(), measured]
  const log = render(createReport(records(checks), true), 'packages/model')
  const location = (uri: string) => [{ physicalLocation: { artifactLocation: { uri }, region: { startLine: 1 } } }]
  const locations = location('packages/model/test/robustness.test.ts')
  const { rules, ...driver } = log.runs[0].tool.driver
  expect({ ...log, runs: [{ ...log.runs[0], tool: { driver } }] }).toEqual({
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'unfooled' } },
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: [
              { level: 'warning', message: { text: 'test/robustness.test.ts > check 0: A warning.' } },
            ],
          },
        ],
        results: [
          {
            ruleId: 'fooled',
            ruleIndex: 0,
            level: 'error',
            message: {
              text: 'test/robustness.test.ts > check 0 (pgd linf 0.1): pgd within linf 0.1 fooled 2 of 3 samples (66.7 %); accepted at most 10 %. Seed 1.',
            },
            locations,
          },
          ...['error', 'warning'].map((level) => ({
            ruleId: 'inconclusive',
            ruleIndex: 10,
            level,
            message: { text: expect.stringContaining('is inconclusive. No gradient rule for operator Round') },
            locations,
          })),
        ],
      },
    ],
  })
  expect(rules.map(({ id }: { id: string }) => id)).toEqual([
    'fooled',
    'resists',
    'uncertified',
    'certified',
    'violated',
    'valid',
    'regressed',
    'kept',
    'proved',
    'refuted',
    'inconclusive',
  ])
  for (const rule of rules) expect(rule).toEqual({ id: rule.id, shortDescription: { text: expect.any(String) } })
})

test('the line of the test, where the runner says it', () => {
  const [record] = records([attackEvidence()])
  const [{ results }] = render(createReport([{ ...record, line: 17 }], true)).runs
  expect(results[0].locations[0].physicalLocation.region).toEqual({ startLine: 17 })
})

test('an interrupted run and evidence that cannot be read make the run unsuccessful', () => {
  const unreadable = { file: 'b.test.ts', test: 'old', evidence: {} }
  for (const report of [createReport([], false), createReport([unreadable], true)]) {
    const [{ invocations, results }] = render(report).runs
    expect(invocations[0].executionSuccessful).toBe(false)
    expect(invocations[0].toolExecutionNotifications).toHaveLength(1)
    expect(results).toEqual([])
  }
})

test('paths become URIs', () => {
  const [record] = records([hostileEvidence()])
  const report = createReport([{ ...record, file: 'a folder\\ü#1.test.ts' }], true)
  const [{ artifactLocation }] = render(report).runs[0].results[0].locations.map(
    (location: { physicalLocation: object }) => location.physicalLocation,
  )
  expect(artifactLocation.uri).toBe('a%20folder/%C3%BC%231.test.ts')
})

test('is what the schema of SARIF 2.1.0 says, with every kind of evidence', () => {
  const unreadable = { file: 'b.test.ts', test: 'old', evidence: {} }
  for (const checks of [[], [...records(everyKindOfEvidence()), unreadable]]) {
    expect(sarifFaults(render(createReport(checks, false), 'a folder'))).toEqual([])
  }
  const { runs, ...log } = render(createReport([], true))
  expect(sarifFaults(log)).not.toEqual([])
  expect(sarifFaults({ ...log, runs: [{ ...runs[0], results: [{ level: 'grave' }] }] })).not.toEqual([])
})
