import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, expect } from '@jest/globals'
import { engine } from '../src/engine/engine.js'
import type { RunningTest } from './assertion.js'
import { AwaitedChecks } from './awaited-checks.js'
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

// Fake timers put another Date in place of this one.
const { now } = Date

const checks = new AwaitedChecks<CircusTest>()

afterEach(() => {
  const test = currentTest()
  const notAwaited = test && checks.end(test)
  // A test that failed, or whose time was up, leaves its other checks alone.
  if (notAwaited && test.errors?.length === 0) throw notAwaited
})
// No thread outlives the test file.
afterAll(() => engine.close())

expect.extend(
  checks.watch(createMatchers(runningTest), ({ currentTestName }: MatcherContext) => {
    const { test, attempt } = circumstances(currentTestName)
    return attempt === undefined ? undefined : test
  }),
)

function runningTest(context: MatcherContext): RunningTest {
  const { testPath = '', currentTestName } = context
  const { attempt, test: _, ...time } = circumstances(currentTestName)
  return {
    budget: testBudget(time),
    baselines: baselinePlace(context),
    attempt,
    record: (evidence) => recordInFile({ file: testPath, name: currentTestName, fileRun, attempt }, evidence),
  }
}

interface CircusTest {
  readonly name: string
  readonly parent?: CircusTest
  readonly concurrent?: boolean
  readonly timeout?: number
  /** Date, in milliseconds. */
  readonly startedAt?: number | null
  /** How often it was begun. */
  readonly invocations?: number
  /** Of this attempt. */
  readonly errors?: readonly unknown[]
}

interface CircusBlock {
  readonly children?: readonly (CircusBlock | CircusTest)[]
}

interface CircusState {
  readonly currentlyRunningTest?: CircusTest | null
  readonly testTimeout?: number
  readonly rootDescribeBlock?: CircusBlock
}

/** Jest tells matchers nothing about time and attempts, but its test runner keeps its state on the global object. */
function circusState(): CircusState | undefined {
  const symbol = Object.getOwnPropertySymbols(globalThis).find(({ description }) => description === 'JEST_STATE_SYMBOL')
  return symbol && ((globalThis as Record<symbol, unknown>)[symbol] as CircusState | undefined)
}

function currentTest(): CircusTest | undefined {
  return circusState()?.currentlyRunningTest ?? undefined
}

interface Circumstances {
  readonly test?: CircusTest
  readonly timeout: number | undefined
  readonly elapsed: number
  readonly attempt: number | undefined
}

/**
 * Where the state is missing or about another test (concurrent ones have none), there is no budget, and Jest's timeout ends
 * the test.
 */
function circumstances(currentTestName: string | undefined): Circumstances {
  const test = currentTest()
  if (!test?.startedAt || test.concurrent || fullName(test) !== currentTestName) {
    return { timeout: undefined, elapsed: 0, attempt: undefined }
  }
  const state = circusState()
  return {
    test,
    timeout: test.timeout ?? state?.testTimeout,
    elapsed: now() - test.startedAt,
    // Jest 29 takes concurrent tests for the one that runs beside them.
    attempt: hasConcurrentTests(state?.rootDescribeBlock) ? undefined : test.invocations,
  }
}

function hasConcurrentTests(block: CircusBlock | CircusTest | undefined): boolean {
  if (!block) return false
  if ('concurrent' in block && block.concurrent) return true
  return 'children' in block && (block.children ?? []).some(hasConcurrentTests)
}

function fullName({ name, parent }: CircusTest): string {
  return parent && parent.name !== 'ROOT_DESCRIBE_BLOCK' ? `${fullName(parent)} ${name}` : name
}
