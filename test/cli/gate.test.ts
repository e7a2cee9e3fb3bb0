import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderJson } from '../../reporters/json.js'
import { createReport } from '../../reporters/report.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { attackEvidence } from '../../src/checks/attack-evidence.js'
import { encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { FailedTest } from '../../src/checks/failed-test.js'
import { loadModel } from '../../src/model/load-model.js'
import { samplesFrom } from '../../src/sampling/samples-from.js'
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
const samples = samplesFrom({
  inputs: [
    [0.4, 0.4],
    [0.1, 0.1],
  ],
  labels: [0, 0],
})

/** Half of the samples is fooled. */
async function report(
  name: string,
  maxFoolingRatio: number,
  complete = true,
  failedTests: FailedTest[] = [],
): Promise<string> {
  const settings = { maxFoolingRatio, confidence: undefined, seed, budget: undefined }
  const evidence = await attackEvidence(model, fgsm({ epsilon: 0.2 }), samples, settings)
  const record = { file: 'robustness.test.ts', test: 'resists', evidence: encodeEvidence(evidence) }
  writeFileSync(join(folder, name), renderJson(createReport([record], complete, failedTests)))
  return join(folder, name)
}

const good = await report('good.json', 0.5)

test('passes when everything did', async () => {
  expect(await unfooled('gate', good, good)).toEqual({ code: 0, printed: 'The gate passed: 2 checks.', noted: '' })
})

test('fails when one check did, or the run was interrupted, or a baseline is missing', async () => {
  const bad = await report('bad.json', 0.4)
  expect(await unfooled('gate', good, bad)).toMatchObject({
    code: 1,
    printed: 'The gate failed:\n✗ robustness.test.ts > resists: fooled.',
  })
  const killed = await report('killed.json', 0.5, false)
  expect(await unfooled('gate', good, killed)).toMatchObject({
    code: 1,
    printed: expect.stringMatching(/not complete/),
  })
  const strict = await unfooled('gate', good, '--require-baselines')
  expect(strict).toMatchObject({ code: 1, printed: expect.stringMatching(/no check against a baseline passed/) })
})

test('fails where a test did before it came to its check', async () => {
  const failed = { file: 'a.test.ts', test: 'typo', message: 'pdg is not defined' }
  expect(await unfooled('gate', await report('failed.json', 0.5, true, [failed]))).toEqual({
    code: 1,
    printed: 'The gate failed:\n✗ a.test.ts > typo: failed outside its checks: pdg is not defined',
    noted: '',
  })
})

test('passes a report of the first version, which had no list of failed tests', async () => {
  const { failedTests: _, ...first } = JSON.parse(readFileSync(good, 'utf8'))
  writeFileSync(join(folder, 'first.json'), JSON.stringify(first))
  expect(await unfooled('gate', join(folder, 'first.json'))).toMatchObject({ code: 0 })
})

test('fails on evidence that cannot be read', async () => {
  const path = join(folder, 'strange.json')
  const check = { file: 'a.test.ts', evidence: { schemaVersion: 7 } }
  writeFileSync(path, JSON.stringify({ schemaVersion: 1, complete: true, problems: [], models: [], checks: [check] }))
  expect(await unfooled('gate', path)).toMatchObject({
    code: 1,
    printed: expect.stringMatching(/Unreadable evidence: a\.test\.ts/),
  })
})

test('refuses what is no report', async () => {
  expect(await unfooled('gate')).toMatchObject({ code: 2, noted: expect.stringMatching(/needs JSON reports/) })
  expect(await unfooled('gate', 'nowhere.json')).toMatchObject({
    code: 2,
    noted: expect.stringMatching(/nowhere\.json/),
  })
})
