import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import type { TestModule, TestSpecification, Vitest } from 'vitest/node'
import UnfooledReporter from '../../reporters/vitest.js'
import { type Evidence, encodeEvidence } from '../../src/evidence.js'
import { attackEvidence, lowerBoundEvidence } from './evidence.js'

const root = mkdtempSync(join(tmpdir(), 'unfooled-'))
afterAll(() => rmSync(root, { recursive: true }))
afterEach(() => {
  vi.unstubAllEnvs()
})

function startReporter(maxWorkers = 4): { reporter: UnfooledReporter; printed: string[] } {
  const printed: string[] = []
  const reporter = new UnfooledReporter()
  reporter.onInit({
    config: { root, maxWorkers },
    logger: { log: (text: string) => printed.push(text) },
  } as unknown as Vitest)
  return { reporter, printed }
}

const meta =
  (...evidence: Evidence[]) =>
  () => ({ unfooled: evidence.map(encodeEvidence) })

const testModule = {
  moduleId: join(root, 'test', 'a.test.ts'),
  meta: () => ({}),
  children: {
    *allTests() {
      yield { fullName: 'suite > attacked', meta: meta(attackEvidence(), lowerBoundEvidence()) }
      yield { fullName: 'unrelated', meta: () => ({}) }
    },
  },
} as unknown as TestModule

test('reads the evidence of every test case', () => {
  const { reporter, printed } = startReporter()
  reporter.onTestRunEnd([testModule], [], 'failed')
  expect(printed.join('\n')).toContain('unfooled: 2 checks of 1 model')
  expect(printed.join('\n')).toContain(`✗ ${join('test', 'a.test.ts')} > suite > attacked`)
  expect(printed.join('\n')).not.toContain('interrupted')
})

test('reads what could not be told apart from the test file', () => {
  const { reporter, printed } = startReporter()
  reporter.onTestRunEnd([{ ...testModule, meta: meta(attackEvidence()) } as unknown as TestModule], [], 'passed')
  expect(printed.join('\n')).toContain('unfooled: 3 checks of 1 model')
})

test('an interrupted run is marked', () => {
  const { reporter, printed } = startReporter()
  reporter.onTestRunEnd([testModule], [], 'interrupted')
  expect(printed.join('\n')).toContain('The run was interrupted')
})

test.each([
  [4, 10, '4'],
  [4, 2, '2'],
  [4, 0, '1'],
])('%i workers for %i files share the cores', (maxWorkers, files, announced) => {
  vi.stubEnv('UNFOOLED_TEST_WORKERS', undefined)
  startReporter(maxWorkers).reporter.onTestRunStart(new Array<TestSpecification>(files))
  expect(process.env.UNFOOLED_TEST_WORKERS).toBe(announced)
})
