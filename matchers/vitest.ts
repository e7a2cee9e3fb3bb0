import { afterAll, afterEach, beforeEach, expect, type TestContext } from 'vitest'
import type { Evidence } from '../src/checks/evidence.js'
import { now } from '../src/clock.js'
import { engine } from '../src/engine/engine.js'
import { SettingsError } from '../src/errors.js'
import type { RunningTest } from './assertion.js'
import { AwaitedChecks } from './awaited-checks.js'
import { baselinePlace, createMatchers, type MatcherContext, type RobustnessMatchers } from './matchers.js'
import { keepRecords, recordInFile, recordInTask, recordsOf } from './record.js'
import { testBudget } from './test-budget.js'

declare global {
  // The one form that Vitest 3, 4 and 5 accept.
  namespace Chai {
    interface Assertion extends RobustnessMatchers {}
  }
}

type Task = TestContext['task']

/** Tests that are under way, with the time they began. */
const running = new Map<Task, number>()
const checks = new AwaitedChecks<Task>()
/** How often a test was tried again, and what it had recorded before the first of these attempts. */
const attempts = new WeakMap<Task, { readonly retries: number; readonly recorded: number }>()

beforeEach(({ task }) => {
  running.set(task, now())
  const retries = task.result?.retryCount ?? 0
  const before = attempts.get(task)
  // Repetitions, unlike retries, all count.
  const isRetry = before !== undefined && retries > before.retries
  if (isRetry) keepRecords(task, before.recorded)
  attempts.set(task, { retries, recorded: recordsOf(task).length })
})
afterEach(({ task }) => {
  running.delete(task)
  const notAwaited = checks.end(task)
  // A test that failed, or whose time was up, leaves its other checks alone. One that is expected to fail would pass by it.
  if (notAwaited && task.result?.state === 'pass' && !task.fails) throw notAwaited
})
let fileHasEnded = false
afterAll(() => {
  fileHasEnded = true
  // No thread outlives the test file.
  return engine.close()
})

interface VitestContext extends MatcherContext {
  readonly task?: Task
  readonly poll?: boolean
}

expect.extend(checks.watch(createMatchers(runningTest), taskOf))

/** Vitest 3 does not say which test it is; of several concurrent ones it could be any. */
function taskOf({ task }: VitestContext): Task | undefined {
  return task ?? (running.size === 1 ? [...running.keys()][0] : undefined)
}

function runningTest(context: VitestContext): RunningTest {
  if (fileHasEnded) {
    throw new SettingsError(
      "unfooled/vitest was imported by another test file. Without isolation Vitest imports it only once, and not for this one: name it in the configuration, setupFiles: ['unfooled/vitest'].",
    )
  }
  if (context.poll) {
    throw new SettingsError(
      'expect.poll() tries a check again and again until it passes, by chance if by nothing else. Write `await expect(model)` in place of `await expect.poll(() => model)`.',
    )
  }
  const task = taskOf(context)
  const baselines = baselinePlace(context)
  if (!task) {
    // Their file takes the evidence.
    const [{ file } = {}] = running.keys()
    return { budget: {}, baselines, record: (evidence) => file && record(file, evidence) }
  }
  const start = running.get(task)
  const elapsed = start === undefined ? 0 : now() - start
  return {
    budget: testBudget({ timeout: task.timeout, elapsed, signal: task.context.signal }),
    baselines,
    attempt: attemptOf(task),
    expectedToFail: task.fails,
    record: (evidence) => record(task, evidence),
  }
}

function record(task: Task | Task['file'], evidence: Evidence): void {
  recordInTask(task, evidence)
  const attempt = task.type === 'test' ? attemptOf(task) : undefined
  const { filepath, projectName } = task.file
  recordInFile({ file: filepath, name: fullName(task), project: projectName || undefined, attempt }, evidence)
}

function attemptOf(task: Task): number {
  return 1 + (attempts.get(task)?.retries ?? 0)
}

/** As the reporter sees it; undefined for a file. */
function fullName(task: Task | Task['file']): string | undefined {
  if (task.type !== 'test') return undefined
  const names = [task.name]
  for (let { suite } = task; suite; suite = suite.suite) names.unshift(suite.name)
  return names.join(' > ')
}
