import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { recordInFile } from '../../matchers/record.js'
import { readReports } from '../../reporters/cli/read-reports.js'
import { UnfinishedRun } from '../../reporters/unfinished.js'
import { attackEvidence } from './evidence.js'

const root = mkdtempSync(join(tmpdir(), 'unfooled-'))
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  vi.stubEnv('UNFOOLED_EVIDENCE_DIR', undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const report = join(root, 'report.json')
const formats = { json: 'report.json', html: 'report.html' }

test('a run that does not end leaves its checks, and no report of an earlier one', async () => {
  writeFileSync(report, '{ "complete": true }')
  writeFileSync(join(root, 'report.html'), 'of an earlier run')
  const run = new UnfinishedRun(root, formats)
  recordInFile({ file: join(root, 'test/a.test.ts'), name: 'attacked', attempt: 1 }, attackEvidence())
  expect(run.read(root)).toMatchObject([{ file: join('test', 'a.test.ts'), test: 'attacked' }])
  expect(await readReports([report])).toMatchObject({
    complete: false,
    failedTests: [],
    records: [{ test: 'attacked' }],
  })
  expect(existsSync(join(root, 'report.html'))).toBe(false)
  run.end()
  expect(existsSync(`${report}.unfinished`)).toBe(false)
  await expect(readReports([report])).rejects.toThrow('cannot be read')
})

test('a run that was killed before its first check is incomplete, too', async () => {
  const run = new UnfinishedRun(root, formats)
  expect(await readReports([report])).toEqual({ complete: false, failedTests: [], records: [], problems: [] })
  run.end()
})

test('the next run removes what processes have left that run no more, and nothing else', () => {
  // Above the largest number that Linux gives a process.
  const dead = join(`${report}.unfinished`, '99999999-a')
  mkdirSync(dead, { recursive: true })
  const runs = [new UnfinishedRun(root, formats), new UnfinishedRun(root, formats)]
  expect(existsSync(dead)).toBe(false)
  runs[1].end()
  expect(runs[0].read(root)).toEqual([])
  runs[0].end()
  expect(existsSync(`${report}.unfinished`)).toBe(false)
})

test('without a JSON report nothing is left in the project', () => {
  const run = new UnfinishedRun(root, { html: 'report.html' })
  expect(process.env.UNFOOLED_EVIDENCE_DIR).not.toContain(root)
  run.end()
})
