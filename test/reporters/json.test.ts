import { expect, test } from 'vitest'
import { renderJson } from '../../reporters/json.js'
import { createReport } from '../../reporters/report.js'
import { decodeEvidence, encodeEvidence } from '../../src/evidence.js'
import { attackEvidence, validityEvidence } from './evidence.js'

test('has the summaries and the complete evidence', () => {
  const checks = [attackEvidence(), validityEvidence()]
  const records = checks.map((evidence, index) => ({
    file: 'a.test.ts',
    test: `check ${index}`,
    evidence: encodeEvidence(evidence),
  }))
  const json = JSON.parse(renderJson(createReport(records, false)))
  expect(json).toMatchObject({
    schemaVersion: 1,
    complete: false,
    problems: [],
    models: [{ model: { name: 'digits_mlp.onnx' }, checks: [{ method: 'pgd', fooled: 2 }, { method: 'crown' }] }],
    checks: [{ file: 'a.test.ts', test: 'check 0' }, { test: 'check 1' }],
  })
  expect(json.checks.map(({ evidence }: (typeof records)[0]) => decodeEvidence(evidence))).toEqual(checks)
})
