import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { recordInFile } from '../../matchers/record.js'
import UnfooledReporter from '../../reporters/jest.js'
import { attackEvidence, lowerBoundEvidence } from './evidence.js'

const rootDir = mkdtempSync(join(tmpdir(), 'unfooled-'))
afterAll(() => rmSync(rootDir, { recursive: true }))

let printed = ''
beforeEach(() => {
  vi.stubEnv('UNFOOLED_EVIDENCE_DIR', undefined)
  vi.stubEnv('UNFOOLED_TEST_WORKERS', undefined)
  vi.stubEnv('GITHUB_ACTIONS', undefined)
  vi.stubEnv('GITHUB_STEP_SUMMARY', undefined)
  printed = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

const file = join(rootDir, 'test', 'a.test.js')

const ran = { testFilePath: file, testResults: [] }
const allRun = { numTotalTestSuites: 3, testResults: [ran, ran, ran] }

type Options = ConstructorParameters<typeof UnfooledReporter>[1]

function startReporter(options?: Options): UnfooledReporter {
  const reporter = new UnfooledReporter({ rootDir, maxWorkers: 8 }, options)
  reporter.onRunStart({ numTotalTestSuites: 3 })
  return reporter
}

test('reads what the matchers of all workers wrote, and removes it', async () => {
  const reporter = startReporter({ formats: { json: 'report.json' } })
  const folder = process.env.UNFOOLED_EVIDENCE_DIR!
  recordInFile({ file, name: 'attacked', attempt: 1 }, attackEvidence())
  vi.spyOn(process, 'pid', 'get').mockReturnValue(1)
  recordInFile({ file, name: 'bounded', attempt: 1 }, lowerBoundEvidence())
  await reporter.onRunComplete(new Set(), allRun)
  expect(printed).toContain('unfooled: 2 checks of 1 model, 1 failed')
  expect(printed).toContain(`✗ ${join('test', 'a.test.js')} > attacked`)
  expect(JSON.parse(readFileSync(join(rootDir, 'report.json'), 'utf8'))).toMatchObject({ complete: true })
  expect(existsSync(folder)).toBe(false)
})

test('half a line of a killed worker does not hide the others', async () => {
  const reporter = startReporter()
  recordInFile({ file, name: 'attacked', attempt: 1 }, attackEvidence())
  appendFileSync(join(process.env.UNFOOLED_EVIDENCE_DIR!, `${process.pid}.jsonl`), '{"file":"/a.test.js","evid')
  await reporter.onRunComplete(new Set(), { ...allRun, wasInterrupted: true })
  expect(printed).toContain('unfooled: 1 check of 1 model')
  expect(printed).toContain('The run was interrupted')
})

test('a run that stopped at a failure before its last file is not complete', async () => {
  const reporter = startReporter()
  recordInFile({ file, name: 'bounded', attempt: 1 }, lowerBoundEvidence())
  await reporter.onRunComplete(new Set(), { ...allRun, testResults: [ran] })
  expect(printed).toContain('The run was interrupted: checks are missing.')
})

test('what failed outside its checks is reported, and a check that failed is no other failure', async () => {
  const reporter = startReporter()
  recordInFile({ file, name: 'is fooled', attempt: 1 }, attackEvidence())
  recordInFile({ file, name: 'passes its check', attempt: 1 }, lowerBoundEvidence())
  const failed = (fullName: string, message: string) => ({
    fullName,
    status: 'failed',
    failureMessages: [`Error: ${message}\n    at Object.<anonymous> (a.test.js:1:1)`, 'Error: of a hook'],
  })
  await reporter.onRunComplete(new Set(), {
    numTotalTestSuites: 3,
    testResults: [
      {
        testFilePath: file,
        testResults: [
          failed('is fooled', 'is fooled on all samples'),
          failed('passes its check', '\u001b[2mnot\u001b[22m equal\n\n- 1'),
          { fullName: 'passes', status: 'passed', failureMessages: [] },
        ],
      },
      { testFilePath: join(rootDir, 'b.test.js'), testExecError: 'Cannot find module', testResults: [] },
      {
        testFilePath: join(rootDir, 'c.test.js'),
        displayName: { name: 'one' },
        testExecError: { message: '', stack: 'Error: after all\n    at c.test.js:1:1' },
        testResults: [],
      },
    ],
  })
  const { failedTests } = JSON.parse(readFileSync(join(rootDir, 'unfooled-report', 'report.json'), 'utf8'))
  expect(failedTests).toEqual([
    {
      file: 'test/a.test.js',
      test: 'passes its check',
      command: "npx jest --runTestsByPath test/a.test.js -t 'passes its check$'",
      message: 'not equal\n\n- 1',
    },
    { file: 'b.test.js', command: 'npx jest --runTestsByPath b.test.js', message: 'Cannot find module' },
    {
      project: 'one',
      file: 'c.test.js',
      command: 'npx jest --selectProjects one --runTestsByPath c.test.js',
      message: 'after all',
    },
  ])
  expect(printed).toContain('unfooled: 2 checks of 1 model, 1 failed, 3 other failures')
})

test('what one project tried again is not taken for what another one, which runs the same file, did at once', async () => {
  const reporter = startReporter()
  recordInFile({ file, name: 'flaky', fileRun: 'a', attempt: 1 }, attackEvidence({ seed: 1 }))
  recordInFile({ file, name: 'flaky', fileRun: 'b', attempt: 1 }, attackEvidence({ seed: 2 }))
  recordInFile({ file, name: 'flaky', fileRun: 'b', attempt: 2 }, attackEvidence({ seed: 3 }))
  await reporter.onRunComplete(new Set(), allRun)
  const { checks } = JSON.parse(readFileSync(join(rootDir, 'unfooled-report', 'report.json'), 'utf8'))
  expect(checks.map(({ evidence }: { evidence: { seed?: number } }) => evidence.seed)).toEqual([1, 3])
  expect(checks[0].command).toBe("npx jest --runTestsByPath test/a.test.js -t 'flaky$'")
  expect(Object.keys(checks[0])).not.toContain('fileRun')
})

test.each([
  [['node', '/a/node_modules/.bin/jest', '-c', 'config/b.js'], '--config config/b.js '],
  [['node', '/a/node_modules/jest/bin/jest.js', '-i', '--config=c d.js'], "--config 'c d.js' "],
  [['node', '/a/jest.js', '-c={"verbose": true}'], `--config '{"verbose": true}' `],
  [['node', '/a/jest', '--config'], ''],
  [['node', '/a/jest', '--projects', '.', '../b c', '--ci', 'x.test.js'], "--projects . '../b c' "],
  [['node', '/a/jest', '--ci', '--projects=a', '-c', 'd.js', '--projects', 'b'], '--projects a b --config d.js '],
  [['node', '/a/build.js', '-c', 'production'], ''],
])('says how to run a test again, after %j', async (argv, option) => {
  vi.spyOn(process, 'cwd').mockReturnValue(rootDir)
  vi.spyOn(process, 'argv', 'get').mockReturnValue(argv)
  const reporter = startReporter()
  recordInFile({ file, name: 'attacked', project: 'on a GPU', attempt: 1 }, attackEvidence())
  await reporter.onRunComplete(new Set(), allRun)
  const { checks } = JSON.parse(readFileSync(join(rootDir, 'unfooled-report', 'report.json'), 'utf8'))
  expect(checks[0].command).toBe(
    `npx jest ${option}--selectProjects 'on a GPU' --runTestsByPath test/a.test.js -t 'attacked$'`,
  )
  expect(printed).toContain('✗ |on a GPU| ')
})

test('tests get the name of their project, and those of other projects do not', () => {
  const globals = Object.freeze({ own: 1 })
  const [named, unnamed] = [{ displayName: { name: 'one' }, globals }, { globals }].map((config) => ({
    context: { config: Object.freeze(config) },
  }))
  for (const testFile of [named, unnamed]) startReporter().onTestFileStart(testFile)
  expect(named.context.config.globals).toEqual({ own: 1, __UNFOOLED_PROJECT__: 'one' })
  expect(unnamed.context.config.globals).toEqual({ own: 1 })
})

const watched = {
  roots: [rootDir],
  moduleFileExtensions: ['js', 'json'],
  modulePathIgnorePatterns: [],
  watchPathIgnorePatterns: [],
}

test.each([
  ['a run that watches leaves out what Jest would run again for', { watchAll: true }, watched, false],
  ['unless Jest ignores it', { watch: true }, { ...watched, watchPathIgnorePatterns: ['/unfooled-[a-z]+/'] }, true],
  ['or looks elsewhere', { watch: true }, { ...watched, roots: [join(rootDir, 'src')] }, true],
  ['or takes it for no module', { watch: true }, { ...watched, moduleFileExtensions: ['js'] }, true],
  ['or does not watch', {}, watched, true],
])('%s', async (_, options, config, written) => {
  const reporter = new UnfooledReporter({ rootDir, maxWorkers: 1, ...options })
  reporter.onRunStart({ numTotalTestSuites: 1 })
  recordInFile({ file, name: 'attacked', attempt: 1 }, attackEvidence())
  await reporter.onRunComplete(new Set([{ config }]), allRun)
  expect(existsSync(join(rootDir, 'unfooled-report', 'report.json'))).toBe(written)
  expect(existsSync(join(rootDir, 'unfooled-report', 'report.html'))).toBe(true)
  const advice = "watchPathIgnorePatterns: ['unfooled-report']"
  if (written) expect(printed).not.toContain(advice)
  else expect(printed).toContain(advice)
})

test('of a test that was tried again the last attempt counts', async () => {
  const reporter = startReporter()
  for (const attempt of [1, 2]) {
    recordInFile({ file, name: 'flaky', attempt }, attackEvidence({ seed: attempt }))
    recordInFile({ file, name: undefined, attempt: 1 }, lowerBoundEvidence())
  }
  await reporter.onRunComplete(new Set(), allRun)
  const { checks } = JSON.parse(readFileSync(join(rootDir, 'unfooled-report', 'report.json'), 'utf8'))
  expect(
    checks.map(({ test, evidence }: { test?: string; evidence: { seed?: number } }) => [test, evidence.seed]),
  ).toEqual([
    [undefined, undefined],
    ['flaky', 2],
    [undefined, undefined],
  ])
})

test('two runs have folders of their own', async () => {
  const reporters = [1, 2].map(() => {
    const reporter = startReporter()
    return { reporter, folder: process.env.UNFOOLED_EVIDENCE_DIR }
  })
  expect(reporters[0].folder).not.toBe(reporters[1].folder)
  for (const { reporter } of reporters) await reporter.onRunComplete(new Set(), allRun)
  expect(printed).toContain('no robustness checks were recorded')
})

test('workers share the cores', async () => {
  const reporter = startReporter()
  expect(process.env.UNFOOLED_TEST_WORKERS).toBe('3')
  await reporter.onRunComplete(new Set(), allRun)
})

test('options that make no sense are refused before anything runs', () => {
  expect(() => new UnfooledReporter({ rootDir, maxWorkers: 1 }, { formats: { pdf: 'a.pdf' } } as object)).toThrow(
    '"pdf"',
  )
})
