import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TestModule, TestSpecification, Vitest } from 'vitest/node'
import UnfooledReporter from '../../reporters/vitest.js'
import { encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { Evidence } from '../../src/checks/evidence.js'
import { attackEvidence, lowerBoundEvidence } from './evidence.js'

const root = mkdtempSync(join(tmpdir(), 'unfooled-'))
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  vi.stubEnv('GITHUB_ACTIONS', undefined)
  vi.stubEnv('GITHUB_STEP_SUMMARY', undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

function startReporter(
  maxWorkers = 4,
  configFile = 'vitest.config.ts',
): { reporter: UnfooledReporter; printed: string[] } {
  const printed: string[] = []
  const reporter = new UnfooledReporter()
  reporter.onInit({
    config: { root, maxWorkers },
    vite: { config: { configFile: join(root, configFile) } },
    logger: { log: (text: string) => printed.push(text), error: (text: string) => printed.push(text) },
  } as unknown as Vitest)
  return { reporter, printed }
}

const meta =
  (...evidence: Evidence[]) =>
  () => ({ unfooled: evidence.map(encodeEvidence) })

const failedWith = (message: string) => ({
  state: 'failed',
  errors: [{ message, stack: `Error: ${message}\n    at a` }],
})
const untested = (name: string) => ({ name, fullName: name, parent: { type: 'module' }, meta: () => ({}) })

const testModule = {
  moduleId: join(root, 'test', 'a.test.ts'),
  project: { name: '' },
  meta: () => ({}),
  state: () => 'passed',
  errors: () => [],
  children: {
    allSuites: () => [],
    *allTests() {
      yield {
        name: 'attacked (ε 0.1)',
        parent: { type: 'suite', name: 'suite', parent: { type: 'module' } },
        fullName: 'suite > attacked (ε 0.1)',
        location: { line: 17, column: 3 },
        meta: meta(attackEvidence(), lowerBoundEvidence()),
        result: () => failedWith('is fooled on 2 samples'),
      }
      yield { ...untested('unrelated'), result: () => ({ state: 'passed' }) }
    },
  },
} as unknown as TestModule

test('reads the evidence of every test case', async () => {
  const { reporter, printed } = startReporter()
  await reporter.onTestRunEnd([testModule], [], 'failed')
  expect(printed.join('\n')).toContain('unfooled: 2 checks of 1 model')
  expect(printed.join('\n')).toContain(`✗ ${join('test', 'a.test.ts')} > suite > attacked (ε 0.1)`)
  expect(printed.join('\n')).not.toContain('interrupted')
})

test('says on which line the test is, where Vitest does', async () => {
  await startReporter().reporter.onTestRunEnd([testModule], [], 'passed')
  const { checks } = JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8'))
  expect(checks.map(({ line }: { line?: number }) => line)).toEqual([17, 17])
})

test.each([
  ['vite.config.mts', ''],
  ['demo/vitest.config.ts', ' --config demo/vitest.config.ts'],
])('says how to run a test again, with the configuration %s', async (configFile, option) => {
  await startReporter(4, configFile).reporter.onTestRunEnd([testModule], [], 'passed')
  const { checks } = JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8'))
  expect(checks[0].command).toBe(String.raw`npx vitest run${option} test/a.test.ts -t 'suite attacked \(ε 0\.1\)$'`)
})

test('says in which project of several it was', async () => {
  const inProject = { ...testModule, project: { name: 'on a GPU' } } as unknown as TestModule
  const { reporter, printed } = startReporter()
  await reporter.onTestRunEnd([testModule, inProject], [], 'passed')
  const { checks } = JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8'))
  expect(checks.map(({ project }: { project?: string }) => project)).toEqual([
    undefined,
    undefined,
    'on a GPU',
    'on a GPU',
  ])
  expect(checks[0].command).not.toContain('--project')
  expect(checks[2].command).toContain("npx vitest run --project 'on a GPU' test/a.test.ts -t ")
  expect(printed.join('\n')).toContain(`✗ |on a GPU| ${join('test', 'a.test.ts')} > suite`)
})

test('reads what could not be told apart from the test file', async () => {
  const { reporter, printed } = startReporter()
  await reporter.onTestRunEnd([{ ...testModule, meta: meta(attackEvidence()) } as unknown as TestModule], [], 'passed')
  expect(printed.join('\n')).toContain('unfooled: 3 checks of 1 model')
})

test('what an earlier run in watch mode found is forgotten when the file is to run again', async () => {
  const metas = [{ unfooled: [encodeEvidence(attackEvidence())] }, { unfooled: [encodeEvidence(lowerBoundEvidence())] }]
  const [moduleMeta, testMeta] = metas
  const ranBefore = {
    ...testModule,
    meta: () => moduleMeta,
    children: {
      allSuites: () => [],
      allTests: () => [{ ...untested('bounded'), meta: () => testMeta, result: () => ({ state: 'passed' }) }],
    },
  } as unknown as TestModule
  const { reporter, printed } = startReporter()
  const specifications = [{ testModule: ranBefore }, { testModule: undefined }] as unknown as TestSpecification[]
  reporter.onTestRunStart(specifications)
  await reporter.onTestRunEnd([ranBefore], [], 'failed')
  expect(printed.join('\n')).toContain('no robustness checks were recorded')
})

test('says once of each project in a browser that the matchers do not work there', () => {
  const project = (name: string, setupFile: string) => ({ name, config: { setupFiles: [join(root, setupFile)] } })
  const ours = join('node_modules', 'unfooled', 'dist', 'esm', 'matchers', 'vitest.js')
  const specifications = [
    { pool: 'browser', project: project('chromium', ours) },
    { pool: 'browser', project: project('chromium', ours) },
    { pool: 'browser', project: project('webkit', 'setup.js') },
    { pool: 'forks', project: project('node', ours) },
  ] as unknown as TestSpecification[]
  const { reporter, printed } = startReporter()
  reporter.onTestRunStart(specifications)
  expect(printed).toEqual([expect.stringContaining('the project chromium runs in a browser')])
})

test('what failed outside its checks is reported, and a check that failed is no other failure', async () => {
  const broken = {
    ...testModule,
    moduleId: join(root, 'test', 'b.test.ts'),
    errors: () => [{ message: 'Parse failure' }],
    children: {
      allSuites: () => [{ errors: () => [{ message: 'no model in beforeAll' }] }],
      allTests: () => [{ ...untested('typo'), result: () => failedWith('pdg is not defined') }],
    },
  } as unknown as TestModule
  const late = { message: 'too late', VITEST_TEST_PATH: join(root, 'test', 'a.test.ts') }
  const type = { name: 'TypeCheckError', message: 'not assignable', stacks: [{ file: join(root, 'src', 'c.ts') }] }
  await startReporter().reporter.onTestRunEnd([testModule, broken], [late, type], 'failed')
  const report = JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8'))
  const command = 'npx vitest run test/b.test.ts'
  expect(report).toMatchObject({ complete: true, checks: { length: 2 } })
  expect(report.failedTests).toEqual([
    { file: 'test/b.test.ts', command, message: 'Parse failure' },
    { file: 'test/b.test.ts', command, message: 'no model in beforeAll' },
    { file: 'test/b.test.ts', test: 'typo', command: `${command} -t 'typo$'`, message: 'pdg is not defined' },
    { file: 'test/a.test.ts', message: 'too late' },
    { file: 'src/c.ts', message: 'not assignable' },
  ])
})

test('a run one of whose workers died is not complete', async () => {
  const left = { ...testModule, state: () => 'pending' } as unknown as TestModule
  for (const [modules, errors] of [
    [[left], []],
    [[testModule], [{ message: 'Worker exited unexpectedly', stacks: [{ file: 'node_modules/vitest/a.js' }] }]],
  ] as const) {
    await startReporter().reporter.onTestRunEnd(modules, errors, 'failed')
    expect(JSON.parse(readFileSync(join(root, 'unfooled-report', 'report.json'), 'utf8')).complete).toBe(false)
  }
})

test('an interrupted run is marked', async () => {
  const { reporter, printed } = startReporter()
  await reporter.onTestRunEnd([testModule], [], 'interrupted')
  expect(printed.join('\n')).toContain('The run was interrupted')
})

test.each([
  [4, 10, '4'],
  [4, 2, '2'],
  [4, 0, '1'],
])('%i workers for %i files share the cores', (maxWorkers, files, announced) => {
  vi.stubEnv('UNFOOLED_TEST_WORKERS', undefined)
  startReporter(maxWorkers).reporter.onTestRunStart(Array.from({ length: files }, () => ({}) as TestSpecification))
  expect(process.env.UNFOOLED_TEST_WORKERS).toBe(announced)
})

test('options that make no sense are refused before anything runs', () => {
  expect(() => new UnfooledReporter({ formats: { json: '' } })).toThrow('"json" needs the name of a file')
})
