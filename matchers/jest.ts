import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals'
import { engine } from '../src/engine/engine.js'
import type { RunningTest } from './assertion.js'
import { AwaitedChecks } from './awaited-checks.js'
import { type CircusTest, circumstances, currentTest, followConcurrentTests } from './circus.js'
import { baselinePlace, createMatchers, type MatcherContext, type RobustnessMatchers } from './matchers.js'
import { recordInFile } from './record.js'
import { testBudget } from './test-budget.js'

// For `import { expect } from '@jest/globals'`.
declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T = unknown> extends RobustnessMatchers {}
}

// For the global `expect` of @types/jest.
declare global {
  namespace jest {
    // biome-ignore lint/complexity/noBannedTypes: repeats the declaration that it merges with
    interface Matchers<R, T = {}> extends RobustnessMatchers {}
  }
}

/** This module is evaluated for every test file anew. */
const fileRun = randomUUID()
/** The name of the project that the file runs in, where it has one: the reporter puts it there. */
const project = (globalThis as { __UNFOOLED_PROJECT__?: string }).__UNFOOLED_PROJECT__

const checks = new AwaitedChecks<CircusTest>()

/** A test that failed, as expected or not, or whose time was up, leaves its other checks alone. */
function notAwaited(test: CircusTest): Error | undefined {
  const error = checks.end(test)
  return test.errors?.length === 0 && !test.failing ? error : undefined
}

beforeAll(() => followConcurrentTests(notAwaited))
afterEach(() => {
  const test = currentTest()
  const error = test && notAwaited(test)
  if (error) throw error
})
// No thread outlives the test file.
afterAll(() => engine.close())

expect.extend(
  checks.watch(
    createMatchers(runningTest),
    ({ currentTestName }: MatcherContext) => circumstances(currentTestName)?.test,
  ),
)

function runningTest(context: MatcherContext): RunningTest {
  const { testPath = '', currentTestName } = context
  const found = circumstances(currentTestName)
  const name = found?.name ?? currentTestName
  const attempt = found?.attempt
  return {
    budget: found ? testBudget(found) : {},
    baselines: baselinePlace({ ...context, currentTestName: name }),
    attempt,
    expectedToFail: found?.test.failing,
    record: (evidence) => recordInFile({ file: testPath, name, project, fileRun, attempt }, evidence),
  }
}
