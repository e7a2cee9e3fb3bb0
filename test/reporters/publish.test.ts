import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { checkOptions, publish, type Run } from '../../reporters/publish.js'
import { attackEvidence, records } from './evidence.js'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'unfooled-'))
  for (const name of ['GITHUB_ACTIONS', 'GITHUB_STEP_SUMMARY', 'GITHUB_WORKSPACE']) vi.stubEnv(name, undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true })
})

const run = (): Run => ({ records: records([attackEvidence()]), complete: true, failedTests: [], root })

async function printed(...[readRun, options]: [Parameters<typeof publish>[0], Parameters<typeof publish>[1]]) {
  const lines: string[] = []
  await publish(readRun, options, (text) => lines.push(text))
  return lines.join('\n')
}

test('prints all at once, so that nothing of other reporters gets between', async () => {
  const print = vi.fn()
  await publish(run, {}, print)
  expect(print).toHaveBeenCalledOnce()
})

test('prints the report and writes JSON and HTML to the default places', async () => {
  const text = await printed(run, {})
  expect(text).toContain('unfooled: 1 check of 1 model, 1 failed')
  expect(text).toContain(
    `Report: ${join('unfooled-report', 'report.json')}\nReport: ${join('unfooled-report', 'report.html')}`,
  )
  expect(readdirSync(join(root, 'unfooled-report')).sort()).toEqual(['report.html', 'report.json'])
  expect(JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8')).complete).toBe(true)
  expect(text).not.toContain('::error')
})

test('writes the formats it was told to, where it was told to, and no others', async () => {
  await printed(run, {
    formats: {
      json: 'a/robustness.json',
      junit: 'junit.xml',
      markdown: 'summary.md',
      sarif: 'b.sarif',
      html: 'b.html',
    },
  })
  expect(readdirSync(root).sort()).toEqual(['a', 'b.html', 'b.sarif', 'junit.xml', 'summary.md'])
  expect(JSON.parse(readFileSync(join(root, 'a', 'robustness.json'), 'utf8')).checks).toHaveLength(1)
  expect(readFileSync(join(root, 'junit.xml'), 'utf8')).toContain('<testsuites')
  expect(readFileSync(join(root, 'summary.md'), 'utf8')).toContain('## unfooled: 1 check')
  expect(JSON.parse(readFileSync(join(root, 'b.sarif'), 'utf8')).version).toBe('2.1.0')
  expect(readFileSync(join(root, 'b.html'), 'utf8')).toContain('<!doctype html>')
})

test('writes nothing when nothing was recorded, and nothing failed', async () => {
  await printed(() => ({ ...run(), records: [] }), {})
  expect(readdirSync(root)).toEqual([])
  const failedTests = [{ file: 'a.test.ts', test: undefined, message: 'no' }]
  await printed(() => ({ ...run(), records: [], failedTests }), { formats: { json: 'report.json' } })
  expect(JSON.parse(readFileSync(join(root, 'report.json'), 'utf8'))).toMatchObject({
    checks: [],
    failedTests: [{ file: 'a.test.ts', message: 'no' }],
  })
})

test('appends to the job summary and annotates the tests on GitHub Actions', async () => {
  const summary = join(root, 'summary')
  writeFileSync(summary, 'from another step\n')
  vi.stubEnv('GITHUB_STEP_SUMMARY', summary)
  vi.stubEnv('GITHUB_ACTIONS', 'true')
  vi.stubEnv('GITHUB_WORKSPACE', join(root, '..'))
  const text = await printed(run, { formats: {} })
  expect(readFileSync(summary, 'utf8')).toMatch(/^from another step\n## unfooled: 1 check of 1 model, 1 failed\n/)
  const [folder] = root.split(/[\\/]/).slice(-1)
  expect(text.split('\n').at(-1)).toBe(
    `::error file=${folder}/test/robustness.test.ts,title=check 0 (pgd linf 0.1)::pgd within linf 0.1 fooled 2 of 3 samples (66.7 %25); accepted at most 10 %25. Seed 1.`,
  )
})

test('its own failure is printed, not thrown, and keeps no other format from being written', async () => {
  writeFileSync(join(root, 'in-the-way'), '')
  const text = await printed(run, { formats: { json: 'in-the-way/report.json', markdown: 'report.md' } })
  expect(text).toContain('the json report failed, the tests did not')
  expect(readdirSync(root)).toContain('report.md')
  const unreadable = () => {
    throw new Error('unreadable')
  }
  expect(await printed(unreadable, {})).toContain('unreadable')
})

test.each<[object, string]>([
  [{ formats: { pdf: 'a.pdf' } }, 'There is no report format "pdf"; there are json, html, junit, markdown, sarif.'],
  [{ formats: { json: true } }, 'The report format "json" needs the name of a file'],
  [{ outputFile: 'report.json' }, 'The reporter has no option "outputFile"; it has formats'],
])('%j is refused', (options, message) => {
  expect(() => checkOptions(options)).toThrow(message)
})

test('a gate sets the exit code unless everything passed, also where it could not be asked', async () => {
  const passed = () => ({
    ...run(),
    records: records([attackEvidence({ verdict: 'resists', assertion: { negated: false, passed: true } })]),
  })
  const exitCodeOf = async (...[readRun, gate]: [typeof run, object | undefined]) => {
    process.exitCode = undefined
    const text = await printed(readRun, { formats: {}, ...(gate && { gate }) })
    const code = process.exitCode
    process.exitCode = undefined
    return [code, /^The gate .*$/m.exec(text)?.[0]]
  }
  expect(await exitCodeOf(run, undefined)).toEqual([undefined, undefined])
  expect(await exitCodeOf(passed, {})).toEqual([undefined, 'The gate passed: 1 check.'])
  expect(await exitCodeOf(passed, { requireBaselines: true })).toEqual([1, 'The gate failed:'])
  expect(await exitCodeOf(run, {})).toEqual([1, 'The gate failed:'])
  expect(await exitCodeOf(() => ({ ...run(), records: [] }), {})).toEqual([1, 'The gate failed:'])
  const failedTests = [{ file: 'a.test.ts', test: 'typo', message: 'pdg is not defined' }]
  expect(await exitCodeOf(() => ({ ...passed(), failedTests }), {})).toEqual([1, 'The gate failed:'])
  const broken = () => {
    throw new Error('no')
  }
  expect(await exitCodeOf(broken, {})).toEqual([1, undefined])
  expect(() => checkOptions({ gate: { baselines: true } as object })).toThrow('The option gate is {}')
})
