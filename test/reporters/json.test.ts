import { expect, test } from 'vitest'
import { renderJson } from '../../reporters/json.js'
import { createReport } from '../../reporters/report.js'
import { decodeEvidence } from '../../src/checks/encoded-evidence.js'
import {
  attackEvidence,
  baselineEvidence,
  hostileEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  propertyEvidence,
  records,
  regressionEvidence,
  validityEvidence,
} from './evidence.js'
import { reportFaults } from './validate.js'

const failedTest = { file: 'c.test.ts', test: undefined, message: 'Parse failure' }
const ratio = { value: 0.5, low: 0.2, high: 0.8 }
const violation = { sample: 1, label: 1, adversarialPrediction: 7, radius: 0.06, distance: 0.05, foundBy: 'pgd' }

test('has the summaries and the complete evidence', () => {
  const checks = [attackEvidence(), validityEvidence()]
  const json = JSON.parse(renderJson(createReport(records(checks), false)))
  expect(json).toMatchObject({
    schemaVersion: 1,
    complete: false,
    problems: [],
    failedTests: [],
    models: [{ model: { name: 'digits_mlp.onnx' }, checks: [{ method: 'pgd', fooled: 2 }, { method: 'crown' }] }],
    checks: [{ test: 'check 0' }, { test: 'check 1' }],
  })
  expect(json.checks.map(({ evidence }: ReturnType<typeof records>[0]) => decodeEvidence(evidence))).toEqual(checks)
})

test('is what its schema says, with every kind of evidence and every property', () => {
  const { bound } = lowerBoundEvidence()
  const valid = validityEvidence()
  const everything = [
    attackEvidence({ confidence: 0.95 }, { epsilon: Float64Array.of(0.1, 0.2, 0.1, 0.1), norm: 'l1.5' }),
    attackEvidence({ assertion: undefined }, { kind: 'minimal-distance', epsilon: undefined }),
    attackEvidence({ finding: { ...attackEvidence().finding!, unproved: 1 } }, { name: 'exact' }),
    hostileEvidence(),
    inconclusiveEvidence(),
    regressionEvidence(),
    lowerBoundEvidence({
      bound: { ...bound, settings: { iterations: 3, precision: 'float32', tight: true } },
      radius: 0.08,
    }),
    validityEvidence({ finding: { ...valid.finding!, violations: [violation, { ...violation, path: '1:0' }] } }),
    baselineEvidence(),
    baselineEvidence({
      method: { name: 'pgd', kind: 'fixed-epsilon', norm: 'l2', epsilon: 0.1, settings: {} },
      finding: { ...baselineEvidence().finding!, comparison: { paired: false, before: ratio, now: ratio } },
    }),
    baselineEvidence({ baseline: { file: 'a.json', state: 'written' }, finding: undefined, seed: undefined }),
    attackEvidence({ shard: { index: 3, count: 16, of: { count: 64, sha256: 'ab', labels: 'given' } } }),
    lowerBoundEvidence({ finding: undefined, verdict: 'inconclusive', reason: 'No rule.' }),
    propertyEvidence(),
    propertyEvidence({ verdict: 'inconclusive', reason: 'No time.', finding: { eligible: 2, excluded: 1, boxes: 7 } }),
  ]
  const report = createReport(
    [
      ...records(everything).map((record) => ({ ...record, line: 3, command: 'npx jest', project: 'one' })),
      { file: 'b.test.ts', test: undefined, evidence: {} },
    ],
    true,
    [failedTest, { ...failedTest, test: 'typo', project: 'one', line: 3, command: 'npx jest' }],
  )
  expect(report.problems).toHaveLength(1)
  expect(report.models.flatMap(({ contradictions }) => contradictions)).not.toEqual([])
  expect(reportFaults(JSON.parse(renderJson(report)))).toEqual([])
})

test('the schema refuses what is missing, wrong or unknown', () => {
  const json = JSON.parse(renderJson(createReport(records([attackEvidence()]), true)))
  const evidence = json.checks[0].evidence
  const broken = (changes: object) =>
    reportFaults({ ...json, checks: [{ ...json.checks[0], evidence: { ...evidence, ...changes } }] })
  expect(broken({})).toEqual([])
  expect(broken({ verdict: 'perhaps' })).not.toEqual([])
  expect(broken({ seed: 'one' })).not.toEqual([])
  expect(broken({ maxFoolingRatio: 2 })).not.toEqual([])
  expect(broken({ unheard: 1 })).not.toEqual([])
  expect(reportFaults({ ...json, schemaVersion: 2 })).toEqual([
    '/schemaVersion must be equal to constant {"allowedValue":1}',
  ])
  const { complete: _, ...incomplete } = json
  expect(reportFaults(incomplete)).toEqual([' must have required property \'complete\' {"missingProperty":"complete"}'])
})
