import { afterEach, expect, test } from 'vitest'
import { type CircusTest, circumstances, followConcurrentTests } from '../../matchers/circus.js'

const symbol = Symbol('JEST_STATE_SYMBOL')
const root = { name: 'ROOT_DESCRIBE_BLOCK' }

function state(tests: readonly CircusTest[], currentlyRunningTest?: CircusTest): void {
  const block = { type: 'describeBlock', children: tests }
  const rootDescribeBlock = { type: 'describeBlock', children: [block] }
  Object.assign(globalThis, { [symbol]: { rootDescribeBlock, currentlyRunningTest, testTimeout: 5000 } })
}
afterEach(() => Reflect.deleteProperty(globalThis, symbol))

function circusTest(name: string, changes: Partial<CircusTest> = {}): CircusTest {
  return { type: 'test', name, parent: { name: 'block', parent: root }, errors: [], ...changes }
}

test('the test that runs, with its time and the attempt', () => {
  const running = circusTest('a test', { startedAt: Date.now() - 1000, invocations: 2, timeout: 7000 })
  state([running], running)
  const found = circumstances('block a test')
  expect(found).toMatchObject({ test: running, name: 'block a test', timeout: 7000, attempt: 2 })
  expect(found!.elapsed).toBeGreaterThanOrEqual(1000)
})

test('nothing is said of another test than the current one, or without a state', () => {
  expect(circumstances('block a test')).toBeUndefined()
  const running = circusTest('a test', { startedAt: Date.now() })
  state([running], running)
  expect(circumstances('block another test')).toBeUndefined()
  const concurrent = circusTest('a test', { startedAt: Date.now(), concurrent: true })
  state([concurrent], concurrent)
  expect(circumstances('block a test')).toBeUndefined()
})

test('concurrent tests are told apart, and those that have ended are asked for an error', async () => {
  const asked: string[] = []
  const named = (name: string) =>
    circusTest(name, {
      concurrent: true,
      async fn() {
        await new Promise((resolve) => setTimeout(resolve))
        asked.push(circumstances('block last')!.name)
      },
    })
  const tests = ['first', 'last'].map(named)
  state(tests, tests[1])
  followConcurrentTests(({ name }) => (name === 'first' ? new Error('Not awaited.') : undefined))
  const [first, last] = await Promise.allSettled(tests.map(({ fn }) => fn!()))
  expect(asked).toEqual(['block first', 'block last'])
  expect(first).toMatchObject({ status: 'rejected', reason: new Error('Not awaited.') })
  expect(last.status).toBe('fulfilled')
})

test('tests that end by a callback stay as they are, which Jest tells by their arguments', () => {
  const fn = (_done?: unknown) => {}
  const withCallback = circusTest('callback', { concurrent: true, fn: fn as CircusTest['fn'] })
  state([withCallback])
  followConcurrentTests(() => undefined)
  expect(withCallback.fn).toBe(fn)
})
