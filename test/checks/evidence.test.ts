import { expect, test } from 'vitest'
import { describeModelAndSamples } from '../../src/checks/describe.js'
import { decodeEvidence, EvidenceError, encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { Evidence } from '../../src/checks/evidence.js'
import type { JsonSafe } from '../../src/checks/json-safe.js'
import { attackEvidence, lowerBoundEvidence, regressionEvidence, validityEvidence } from '../reporters/evidence.js'

test.each([
  ['an attack', attackEvidence()],
  ['an attack on a regressor', regressionEvidence()],
  ['a lower bound', lowerBoundEvidence()],
  ['a bound-validity check', validityEvidence()],
  ['an attack without a finding', attackEvidence({ finding: undefined, verdict: 'inconclusive', reason: 'NaN' })],
  ['radii per sample', attackEvidence({}, { epsilon: Float64Array.of(0.1, 0.2) })],
])('the evidence of %s survives JSON', (_, evidence: Evidence) => {
  expect(decodeEvidence(JSON.parse(JSON.stringify(encodeEvidence(evidence))) as JsonSafe)).toEqual(evidence)
})

test('the same samples have the same fingerprint, others have another', () => {
  const { model } = attackEvidence()
  const fingerprint = (values: number[], shape: number[]) =>
    describeModelAndSamples(model, { inputs: { data: Float32Array.from(values), shape } }).samples.sha256
  const one = fingerprint([0, 1, 2, 3], [2, 2])
  expect(fingerprint([0, 1, 2, 3], [2, 2])).toBe(one)
  expect(fingerprint([0, 1, 2, 4], [2, 2])).not.toBe(one)
  expect(fingerprint([0, 1, 2, 3], [1, 4])).not.toBe(one)
})

test('part of a larger buffer is fingerprinted alone', () => {
  const { model } = attackEvidence()
  const buffer = Float32Array.of(9, 0, 1)
  const fingerprint = (data: Float32Array) =>
    describeModelAndSamples(model, { inputs: { data, shape: [2] } }).samples.sha256
  expect(fingerprint(buffer.subarray(1))).toBe(fingerprint(Float32Array.of(0, 1)))
})

test('other versions and other things are refused', () => {
  const encoded = encodeEvidence(attackEvidence()) as Record<string, JsonSafe>
  expect(() => decodeEvidence({ ...encoded, schemaVersion: 2 })).toThrow(/version 2 .* reads version 1/)
  expect(() => decodeEvidence({ ...encoded, kind: 'rumour' })).toThrow(EvidenceError)
  for (const other of [null, 'text', [], {}]) expect(() => decodeEvidence(other)).toThrow('This is no evidence')
})

test('targets count as labels that were given', () => {
  const inputs = { data: Float32Array.of(1), shape: [1, 1] }
  const labels = (targets?: typeof inputs) =>
    describeModelAndSamples(regressionEvidence().model, { inputs, targets }).samples.labels
  expect([labels(), labels(inputs)]).toEqual(['predicted', 'given'])
})
