import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { publish } from '../../reporters/publish.js'
import { encodeEvidence } from '../../src/evidence.js'
import { attackEvidence } from './evidence.js'

const root = mkdtempSync(join(tmpdir(), 'unfooled-'))
afterAll(() => rmSync(root, { recursive: true }))

const records = [{ file: 'a.test.ts', test: 'a test', evidence: encodeEvidence(attackEvidence()) }]

function printed(...[readRun, options]: [Parameters<typeof publish>[0], Parameters<typeof publish>[1]]): string {
  const lines: string[] = []
  publish(readRun, options, (text) => lines.push(text))
  return lines.join('\n')
}

test('prints the report and writes it to the default place', () => {
  const text = printed(() => ({ records, complete: true, root }), {})
  expect(text).toContain('unfooled: 1 check of 1 model, 1 failed')
  expect(text).toContain(`Report: ${join('unfooled-report', 'report.json')}`)
  expect(JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8')).complete).toBe(true)
})

test('writes it where it was told to', () => {
  printed(() => ({ records, complete: true, root }), { outputFile: 'elsewhere/robustness.json' })
  expect(JSON.parse(readFileSync(join(root, 'elsewhere', 'robustness.json'), 'utf8')).checks).toHaveLength(1)
})

test('its own failure is printed, not thrown', () => {
  writeFileSync(join(root, 'in-the-way'), '')
  expect(printed(() => ({ records, complete: true, root }), { outputFile: 'in-the-way/report.json' })).toContain(
    'the report failed, the tests did not',
  )
  const unreadable = () => {
    throw new Error('unreadable')
  }
  expect(printed(unreadable, {})).toContain('unreadable')
})
