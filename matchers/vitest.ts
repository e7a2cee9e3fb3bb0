import { afterAll, afterEach, beforeEach, expect, type TestContext } from 'vitest'
import { engine } from '../src/engine/engine.js'
import type { RunningTest } from './assertion.js'
import { baselinePlace, createMatchers, type MatcherContext, type RobustnessMatchers } from './matchers.js'
import { recordInTask } from './record.js'
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

beforeEach(({ task }) => {
  running.set(task, performance.now())
})
afterEach(({ task }) => {
  running.delete(task)
})
// No thread outlives the test file.
afterAll(() => engine.close())

expect.extend(createMatchers(runningTest))

function runningTest(context: MatcherContext & { readonly task?: Task }): RunningTest {
  const tasks = [...running.keys()]
  // Vitest 3 does not say which test it is; of several concurrent ones it could be any, so their file takes the evidence.
  const task = context.task ?? (tasks.length === 1 ? tasks[0] : undefined)
  const baselines = baselinePlace(context)
  if (!task) return { budget: {}, baselines, record: (evidence) => tasks[0] && recordInTask(tasks[0].file, evidence) }
  const start = running.get(task)
  const elapsed = start === undefined ? 0 : performance.now() - start
  return {
    budget: testBudget({ timeout: task.timeout, elapsed, signal: task.context.signal }),
    baselines,
    record: (evidence) => recordInTask(task, evidence),
  }
}
