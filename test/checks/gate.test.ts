import { expect, test } from 'vitest'
import type { Evidence } from '../../src/checks/evidence.js'
import { gate } from '../../src/checks/gate.js'
import { attackEvidence, baselineEvidence, lowerBoundEvidence, propertyEvidence } from '../reporters/evidence.js'

const passed = { negated: false, passed: true }
const failed = { negated: false, passed: false }
const good = attackEvidence({ verdict: 'resists', assertion: passed })
const kept = baselineEvidence({ verdict: 'kept', assertion: passed, baseline: { file: 'a.json', state: 'compared' } })

const run = (...evidence: Evidence[]) => ({
  complete: true,
  problems: [],
  failedTests: [],
  checks: evidence.map((entry) => ({ file: 'a.test.ts', test: 'a test', evidence: entry })),
})

test('passes when there are checks, and all of them passed', () => {
  expect(gate(run(good, kept))).toEqual({ passed: true, reasons: [] })
  const negated = attackEvidence({ verdict: 'fooled', assertion: { negated: true, passed: true } })
  expect(gate(run(negated)).passed).toBe(true)
  expect(gate(run(attackEvidence({ verdict: 'resists', assertion: undefined }))).passed).toBe(true)
  expect(gate(run(attackEvidence({ assertion: { ...failed, expectedToFail: true } }))).passed).toBe(true)
})

test.each([
  ['no checks', run(), 'There are no checks.'],
  ['an incomplete run', { ...run(good), complete: false }, 'The run is not complete: checks are missing.'],
  [
    'unreadable evidence',
    { ...run(good), problems: ['a.test.ts: half a line'] },
    'Unreadable evidence: a.test.ts: half a line',
  ],
  [
    'a test that threw before its check',
    { ...run(good), failedTests: [{ file: 'a.test.ts', test: 'typo', message: 'pdg is not\n  defined' }] },
    'a.test.ts > typo: failed outside its checks: pdg is not defined',
  ],
  [
    'a file that could not be loaded',
    { ...run(good), failedTests: [{ file: 'b.test.ts', test: undefined, message: 'x'.repeat(301) }] },
    `b.test.ts: failed outside its tests: ${'x'.repeat(300)} …`,
  ],
  ['a check that failed', run(good, attackEvidence()), 'a.test.ts > a test: fooled.'],
  [
    'a negated check that failed',
    run(attackEvidence({ verdict: 'resists', assertion: { negated: true, passed: false } })),
    'a.test.ts > a test: not expected: resists.',
  ],
  [
    'an inconclusive check, such as one without its baseline',
    run(baselineEvidence({ verdict: 'inconclusive', reason: 'There is no baseline.' })),
    'a.test.ts > a test: inconclusive. There is no baseline.',
  ],
  [
    'an inconclusive check of a test that is expected to fail',
    run(
      attackEvidence({
        verdict: 'inconclusive',
        reason: 'No time.',
        assertion: { ...failed, expectedToFail: true },
      }),
    ),
    'a.test.ts > a test: inconclusive. No time.',
  ],
  [
    'a check outside an assertion that found something',
    run(attackEvidence({ assertion: undefined })),
    'a.test.ts > a test: fooled.',
  ],
  [
    'shards that were not merged',
    run(attackEvidence({ ...good, shard: { index: 1, count: 2, of: good.samples } })),
    'a.test.ts > a test: 2 shards of the samples, not merged.',
  ],
  [
    'a baseline that the run itself wrote',
    run(baselineEvidence({ ...kept, baseline: { file: 'a.json', state: 'updated' } })),
    'a.test.ts > a test: the baseline a.json was updated, so nothing was compared with it.',
  ],
  ['a regression', run(baselineEvidence({ verdict: 'regressed' })), 'a.test.ts > a test: regressed.'],
])('fails on %s', (_, checks, reason) => {
  expect(gate(checks)).toEqual({ passed: false, reasons: [reason] })
})

test('may require a baseline of every model', () => {
  expect(gate(run(good, kept), { requireBaselines: true }).passed).toBe(true)
  const { reasons } = gate(run(good), { requireBaselines: true })
  expect(reasons).toEqual([`${good.model.name}: no check against a baseline passed.`])
})

test('gives every reason', () => {
  expect(gate({ ...run(attackEvidence(), attackEvidence()), complete: false }).reasons).toHaveLength(3)
})

test('names the project of several that run the same file', () => {
  const checks = [{ file: 'a.test.ts', test: 'resists', project: 'one', evidence: attackEvidence() }]
  expect(gate({ ...run(), checks }).reasons).toEqual(['|one| a.test.ts > resists: fooled.'])
})

test('checks of an audit, which has no tests, are told apart by their attacks and bounds', () => {
  const unsure = { verdict: 'inconclusive', reason: 'No time.', assertion: undefined } as const
  const checks = [
    attackEvidence(unsure),
    lowerBoundEvidence(unsure),
    baselineEvidence(unsure),
    propertyEvidence(unsure),
  ]
  const { reasons } = gate({
    ...run(),
    checks: checks.map((evidence) => ({ file: 'model.onnx', test: undefined, evidence })),
  })
  expect(reasons).toMatchInlineSnapshot(`
    [
      "model.onnx, pgd linf 0.1: inconclusive. No time.",
      "model.onnx, crown linf: inconclusive. No time.",
      "model.onnx, deepFool linf: inconclusive. No time.",
      "model.onnx, prop_2.vnnlib: inconclusive. No time.",
    ]
  `)
})
