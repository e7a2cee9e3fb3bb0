import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderJson } from '../../reporters/json.js'
import { createReport } from '../../reporters/report.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { attackEvidence } from '../../src/checks/attack-evidence.js'
import { describeModelAndSamples } from '../../src/checks/describe.js'
import { encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { Evidence } from '../../src/checks/evidence.js'
import type { FailedTest } from '../../src/checks/failed-test.js'
import { loadModel } from '../../src/model/load-model.js'
import { takeSamples } from '../../src/sampling/rows.js'
import { samplesFrom } from '../../src/sampling/samples-from.js'
import { shardIndices } from '../../src/sampling/shard.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { temporaryFolder, unfooled } from './command-line.js'

const folder = temporaryFolder()
const model = await loadModel(
  denseModel({
    weights: [
      [0, 0],
      [1, 1],
    ],
    bias: [1, 0],
  }),
  { domain: [0, 1] },
)
const whole = samplesFrom({
  inputs: [
    [0.4, 0.4],
    [0.3, 0.3],
    [0.8, 0.8],
  ],
  labels: [0, 0, 1],
})
const attack = fgsm({ epsilon: 0.25 })
const settings = { maxFoolingRatio: 0.5, confidence: undefined, seed, budget: undefined }

const failed = { file: 'robustness.test.ts', test: 'resists', message: 'model.onnx cannot be read' }

function write(name: string, evidence: Evidence | undefined, complete = true, failedTests: FailedTest[] = []): string {
  const records = evidence ? [{ file: 'robustness.test.ts', test: 'resists', evidence: encodeEvidence(evidence) }] : []
  writeFileSync(join(folder, name), renderJson(createReport(records, complete, failedTests)))
  return join(folder, name)
}

async function evidenceOfShard(index: number): Promise<Evidence> {
  const shard = { index, count: 2 }
  const indices = shardIndices(shard, 3)
  const part = {
    inputs: takeSamples(whole.inputs, indices),
    labels: Int32Array.from(indices, (sample) => whole.labels![sample]),
  }
  const { samples: of } = describeModelAndSamples(model.description, whole)
  return { ...(await attackEvidence(model, attack, part, settings)), shard: { ...shard, of } }
}

const first = write('first.json', await evidenceOfShard(1))
const second = write('second.json', await evidenceOfShard(2), false)

const readChecks = (output: string) => JSON.parse(readFileSync(join(output, 'report.json'), 'utf8')).checks

test('merges shards into the check of all samples', async () => {
  const output = join(folder, 'merged')
  const { code, printed } = await unfooled('merge', second, first, '--output', output)
  expect(code).toBe(0)
  const [{ evidence }, ...others] = readChecks(output)
  const { finding, verdict } = await attackEvidence(model, attack, whole, settings)
  expect(others).toEqual([])
  expect(evidence).toMatchObject({ verdict, finding: { eligible: 3, fooled: finding!.fooled } })
  expect(finding!.fooled).toBe(2)
  expect(printed).toMatch(/The run was interrupted: checks are missing/)
})

test('refuses a shard that is missing, and writes nothing', async () => {
  const output = join(folder, 'nothing')
  const { code, noted } = await unfooled('merge', first, '--output', output)
  expect({ code, noted }).toEqual({ code: 2, noted: expect.stringMatching(/shard 2\/2 is missing/) })
  expect(existsSync(output)).toBe(false)
})

test('says what its test failed for, where that is why it is missing', async () => {
  const merged = (cause: FailedTest) =>
    unfooled('merge', first, write('without.json', undefined, true, [cause]), '--output', join(folder, 'nothing'))
  expect(await merged(failed)).toMatchObject({
    code: 2,
    noted: expect.stringContaining(
      'shard 2/2 is missing. robustness.test.ts > resists failed outside its checks: model.onnx cannot be read',
    ),
  })
  // A hook, for which Vitest leaves out the tests.
  expect(await merged({ ...failed, test: undefined })).toMatchObject({
    noted: expect.stringContaining(
      'is missing. robustness.test.ts failed outside its tests: model.onnx cannot be read',
    ),
  })
  expect(await merged({ ...failed, test: 'another' })).toMatchObject({ noted: expect.stringMatching(/is missing\.$/) })
})

test('lists a test once that failed in several shards, unless a merged check accounts for it', async () => {
  const output = join(folder, 'failed')
  const readFailed = () => JSON.parse(readFileSync(join(output, 'report.json'), 'utf8')).failedTests
  const shards = ['one.json', 'two.json'].map((name) => write(name, undefined, true, [failed]))
  const { printed } = await unfooled('merge', ...shards, '--output', output)
  expect(printed).toContain(
    '✗ robustness.test.ts > resists\n    It failed outside its checks: model.onnx cannot be read',
  )
  expect(readFailed()).toEqual([failed])

  const assertion = { negated: false, passed: false }
  const parts = await Promise.all(
    [1, 2].map(async (shard) => {
      const evidence = { ...(await evidenceOfShard(shard)), assertion } as Evidence
      return write(`part-${shard}.json`, evidence, true, [failed])
    }),
  )
  // A shard alone decides nothing.
  expect(JSON.parse(readFileSync(parts[0], 'utf8')).failedTests).toEqual([failed])
  await unfooled('merge', ...parts, '--output', output)
  expect(readFailed()).toEqual([])
})

test('shows stored reports again, in any format', async () => {
  const output = join(folder, 'shown')
  const { code, printed } = await unfooled(
    'report',
    first,
    second,
    '--output',
    output,
    '--formats',
    'json,junit,sarif,markdown',
  )
  expect(code).toBe(0)
  expect(printed).toMatch(/^unfooled: 2 checks of 1 model/)
  expect(readChecks(output)).toHaveLength(2)
  for (const name of ['report.xml', 'report.sarif', 'report.md']) expect(existsSync(join(output, name))).toBe(true)
  expect(existsSync(join(output, 'report.html'))).toBe(false)
})

test.each(['report', 'merge'])('%s refuses what it cannot read', async (verb) => {
  const file = (text: string) => {
    writeFileSync(join(folder, 'bad.json'), text)
    return join(folder, 'bad.json')
  }
  for (const [args, message] of [
    [[], /needs JSON reports/],
    [['nowhere.json'], /nowhere\.json: cannot be read/],
    [[file('{')], /bad\.json: cannot be read: /],
  ] as const) {
    const { code, noted } = await unfooled(verb, ...args)
    expect({ code, noted }).toEqual({ code: 2, noted: expect.stringMatching(message) })
  }
  for (const [text, message] of [
    ['[]', /it is no JSON report/],
    ['{ "schemaVersion": 2, "checks": [] }', /it has version 2; this version of unfooled reads version 1/],
    ['{ "schemaVersion": 1, "checks": [] }', /it is damaged/],
    ['{ "schemaVersion": 1, "complete": true, "problems": [], "checks": [{}] }', /it is damaged/],
  ] as const) {
    const { code, noted } = await unfooled(verb, file(text))
    expect({ code, noted }).toEqual({ code: 2, noted: expect.stringMatching(message) })
  }
  const { code, noted } = await unfooled(verb, first, '--formats', 'pdf')
  expect({ code, noted }).toEqual({ code: 2, noted: expect.stringMatching(/--formats must be one of json, html/) })
})
