import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import '../../matchers/vitest.js'
import { recordInFile } from '../../matchers/record.js'
import { checkAttackResistance } from '../../matchers/to-resist-attack.js'
import { decodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { AttackEvidence } from '../../src/checks/evidence.js'
import type { JsonSafe } from '../../src/checks/json-safe.js'
import { seed } from '../seed.js'
import { fools, samplesBelow, thresholdModel } from './subject.js'

const recorded = new Map<string, object>()

function evidenceOf(name: string): AttackEvidence[] {
  const { unfooled } = recorded.get(name) as { unfooled: JsonSafe[] }
  return unfooled.map((encoded) => decodeEvidence(encoded) as AttackEvidence)
}

describe('in Vitest', () => {
  test.concurrent.for([3, 1, 2])('concurrent test %i', async (count, { expect, task }) => {
    recorded.set(`concurrent ${count}`, task.meta)
    const model = await thresholdModel()
    await expect(model).toResistAttack(fools(count), { samples: samplesBelow(5), maxFoolingRatio: 1 })
  })

  test('several checks, the last of which fails', async ({ expect, task }) => {
    recorded.set('several', task.meta)
    const model = await thresholdModel()
    const samples = samplesBelow(5)
    await expect(model).toResistAttack(fools(0), { samples, seed })
    await expect(model).not.toResistAttack(fools(1), { samples })
    await expect(model)
      .toResistAttack(fools(2), { samples })
      .catch(() => {})
  })

  test.fails('a test that is expected to fail', async ({ expect, task }) => {
    recorded.set('expected', task.meta)
    await expect(await thresholdModel()).toResistAttack(fools(1), { samples: samplesBelow(5) })
  })

  test('evidence says when a test is expected to fail', () => {
    const [{ assertion }] = evidenceOf('expected')
    expect(assertion).toEqual({ negated: false, passed: false, expectedToFail: true })
  })

  test('a misuse is no evidence', async ({ expect, task }) => {
    await expect(expect(1).toResistAttack(fools(0), { samples: samplesBelow(5) })).rejects.toThrow()
    expect(task.meta).not.toHaveProperty('unfooled')
  })

  test('concurrent tests have their own evidence', () => {
    for (const count of [1, 2, 3]) {
      expect(evidenceOf(`concurrent ${count}`).map(({ finding }) => finding!.fooled)).toEqual([count])
    }
  })

  test('evidence has what was asked and what was found', () => {
    expect(evidenceOf('several').map(({ assertion }) => assertion)).toEqual([
      { negated: false, passed: true },
      { negated: true, passed: true },
      { negated: false, passed: false },
    ])
    expect(evidenceOf('several')[2]).toMatchObject({
      kind: 'attack',
      verdict: 'fooled',
      attack: { name: 'stub', norm: 'linf', epsilon: 0.6 },
      maxFoolingRatio: 0,
      model: { name: 'threshold.onnx', device: 'cpu' },
      samples: { count: 5, labels: 'given' },
      finding: { eligible: 5, fooled: 2, cleanAccuracy: 1, perSample: { fooled: Uint8Array.of(1, 1, 0, 0, 0) } },
    })
    expect(evidenceOf('several')[0].seed).toBe(seed)
  })
})

describe('in Jest', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('one line per check in the folder that the reporter named', async () => {
    const model = await thresholdModel()
    const evidence = await checkAttackResistance(model, fools(1), { samples: samplesBelow(5), seed })
    recordInFile({ file: '/a.test.js', name: 'nobody listens', attempt: 1 }, evidence)
    vi.stubEnv('UNFOOLED_EVIDENCE_DIR', folder)
    recordInFile({ file: '/a.test.js', name: 'first', attempt: 1 }, evidence)
    recordInFile({ file: '/a.test.js', name: undefined, attempt: 1 }, evidence)
    vi.unstubAllEnvs()
    const [name, ...others] = readdirSync(folder)
    expect(others).toEqual([])
    const lines = readFileSync(join(folder, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const file = relative(folder, '/a.test.js')
    expect(lines.map(({ file, test }) => [file, test])).toEqual([
      [file, 'first'],
      [file, undefined],
    ])
    expect(decodeEvidence(lines[0].evidence)).toEqual(evidence)
  })
})
