import { expect, test } from 'vitest'
import { passes } from '../../src/checks/verdict.js'

test.each(['resists', 'certified', 'valid'] as const)('%s passes, and fails its negation', (verdict) => {
  expect([passes(verdict, false), passes(verdict, true)]).toEqual([true, false])
})

test.each(['fooled', 'uncertified', 'violated'] as const)('%s fails, and passes its negation', (verdict) => {
  expect([passes(verdict, false), passes(verdict, true)]).toEqual([false, true])
})

test('inconclusive fails both', () => {
  expect([passes('inconclusive', false), passes('inconclusive', true)]).toEqual([false, false])
})
