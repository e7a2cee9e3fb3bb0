import { setTimeout } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { startBudget } from '../src/budget.js'
import { SettingsError } from '../src/errors.js'

test('without limits there is always time', async () => {
  expect(await startBudget().next()).toBe(true)
})

test.each([0, { milliseconds: 0 }])('a budget of %o is exhausted at once', async (request) => {
  const budget = startBudget(request)
  expect(budget.exhausted).toBe(true)
  expect(await budget.next()).toBe(false)
})

test('a signal ends it', () => {
  const controller = new AbortController()
  const budget = startBudget({ signal: controller.signal })
  expect(budget.exhausted).toBe(false)
  controller.abort()
  expect(budget.exhausted).toBe(true)
})

test.each([Number.NaN, -1, { milliseconds: '10' as never }])('%o is refused', (request) => {
  expect(() => startBudget(request)).toThrow(SettingsError)
})

test('it ends where tests fake the time, as the test does', async () => {
  vi.useFakeTimers({ now: 0 })
  try {
    const budget = startBudget(5)
    await setTimeout(10)
    expect(budget.exhausted).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})
