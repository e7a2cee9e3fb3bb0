import { expect, test } from 'vitest'
import { testBudget } from '../../matchers/test-budget.js'

test('is 90 % of the timeout, less the time that has passed', () => {
  const { signal } = new AbortController()
  expect(testBudget({ timeout: 5000, elapsed: 0, signal })).toEqual({ milliseconds: 4500, signal })
  expect(testBudget({ timeout: 5000, elapsed: 4000 }).milliseconds).toBe(500)
})

test('is not negative', () => {
  expect(testBudget({ timeout: 5000, elapsed: 4900 }).milliseconds).toBe(0)
})

test('is without a limit where the test has none, or none that is known', () => {
  expect(testBudget({ timeout: 0, elapsed: 10 }).milliseconds).toBeUndefined()
  expect(testBudget({ timeout: undefined, elapsed: 10 }).milliseconds).toBeUndefined()
})
