import { expect, test } from 'vitest'
import { failedAsExpected, passes } from '../../src/checks/verdict.js'

test.each(['resists', 'certified', 'valid'] as const)('%s passes, and fails its negation', (verdict) => {
  expect([passes(verdict, false), passes(verdict, true)]).toEqual([true, false])
})

test.each(['fooled', 'uncertified', 'violated'] as const)('%s fails, and passes its negation', (verdict) => {
  expect([passes(verdict, false), passes(verdict, true)]).toEqual([false, true])
})

test('inconclusive fails both', () => {
  expect([passes('inconclusive', false), passes('inconclusive', true)]).toEqual([false, false])
})

test.each([
  ['fooled', false, true, true],
  ['inconclusive', false, true, false],
  ['resists', true, true, false],
  ['fooled', false, undefined, false],
] as const)(
  '%s, passed %s and expected to fail %s: failed as expected is %s',
  (verdict, passed, expectedToFail, is) => {
    expect(failedAsExpected({ verdict, assertion: { passed, expectedToFail } })).toBe(is)
  },
)
