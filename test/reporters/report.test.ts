import { expect, test } from 'vitest'
import { createReport } from '../../reporters/report.js'
import { encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { Evidence } from '../../src/checks/evidence.js'
import { attackEvidence, lowerBoundEvidence, validityEvidence } from './evidence.js'

function record(evidence: Evidence, file = 'a.test.ts', test = 'a test') {
  return { file, test, evidence: encodeEvidence(evidence) }
}

test('checks are grouped by model and ordered by file', () => {
  const other = { ...attackEvidence().model, name: 'other.onnx' }
  const report = createReport(
    [
      record(attackEvidence(), 'b.test.ts', 'second'),
      record(lowerBoundEvidence(), 'b.test.ts', 'first'),
      record(attackEvidence({ model: other }), 'a.test.ts'),
      { ...record(validityEvidence(), 'a.test.ts'), test: undefined },
    ],
    true,
  )
  expect(report.models.map(({ model, checks }) => [model.name, checks.map(({ file, test }) => [file, test])])).toEqual([
    ['other.onnx', [['a.test.ts', 'a test']]],
    [
      'digits_mlp.onnx',
      [
        ['a.test.ts', undefined],
        ['b.test.ts', 'second'],
        ['b.test.ts', 'first'],
      ],
    ],
  ])
  for (const { checks, records } of report.models) {
    expect(records.map(({ file, test }) => [file, test])).toEqual(checks.map(({ file, test }) => [file, test]))
  }
})

test('the same name with other weights, or on another device, is another model', () => {
  const { model } = attackEvidence()
  const report = createReport(
    [{}, { sha256: 'ff' }, { device: 'webgpu' }].map((changes) =>
      record(attackEvidence({ model: { ...model, ...changes } })),
    ),
    true,
  )
  expect(report.models).toHaveLength(3)
})

test('evidence that cannot be read is a problem, and does not hide the rest', () => {
  const report = createReport([record(attackEvidence()), { file: 'b.test.ts', test: 'old', evidence: {} }], true)
  expect(report.models).toHaveLength(1)
  expect(report.problems).toEqual(['b.test.ts > old: This is no evidence of a check.'])
})

test('the gap is the median of attack distance less certified radius, over samples that have both', () => {
  const [{ checks }] = createReport(
    [record(validityEvidence()), record(lowerBoundEvidence()), record(attackEvidence())],
    true,
  ).models
  // Closest of both attacks: 0.025, 0.08, 0.3; radii 0.02, 0.06, 0.2.
  expect(checks[0].gap).toBeCloseTo(0.02, 12)
  // Certified at 0.05: none, 0.05, 0.05.
  expect(checks[1].gap).toBeCloseTo(0.03, 12)
  expect(checks[2].gap).toBeUndefined()
})

test.each([
  ['norm', attackEvidence({}, { norm: 'l2' })],
  ['samples', attackEvidence({ samples: { count: 4, sha256: 'other', labels: 'given' } })],
])('there is no gap to an attack with another %s', (_, attack) => {
  const [{ checks }] = createReport([record(lowerBoundEvidence()), record(attack)], true).models
  expect(checks[0].gap).toBeUndefined()
})

test('a certificate that an attack of another test refutes is a contradiction', () => {
  const strong = attackEvidence()
  const distances = Float64Array.of(0.03, 0.05, Number.NaN, Number.NaN)
  const finding = { ...strong.finding!, perSample: { ...strong.finding!.perSample, distances } }
  const records = [record(lowerBoundEvidence()), record({ ...strong, finding })]
  expect(createReport(records, true).models[0].contradictions).toEqual([
    { sample: 1, norm: 'linf', radius: 0.05, certifiedBy: 'crown', distance: 0.05, fooledBy: 'pgd' },
  ])
  expect(createReport([records[0], record(strong)], true).models[0].contradictions).toEqual([])
})

test('an estimate contradicts nothing', () => {
  const { bound } = lowerBoundEvidence()
  const estimate = lowerBoundEvidence({ radius: 0.5, bound: { ...bound, sound: false } })
  expect(createReport([record(estimate), record(attackEvidence())], true).models[0].contradictions).toEqual([])
})
