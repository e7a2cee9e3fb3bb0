import { expect, test } from 'vitest'
import { binomialUpperTail } from '../../src/statistics/binomial.js'
import { fewestDiscordantPairs, mcNemarPValue } from '../../src/statistics/mcnemar.js'

/** Binomial coefficients summed exactly. */
function tail(count: number, total: number): number {
  let coefficient = 1n
  let sum = 0n
  for (let k = 0; k <= total; k++) {
    if (k >= count) sum += coefficient
    coefficient = (coefficient * BigInt(total - k)) / BigInt(k + 1)
  }
  return Number((sum * 10n ** 15n) / 2n ** BigInt(total)) / 1e15
}

test.each([
  [0, 0],
  [0, 5],
  [1, 0],
  [7, 0],
  [12, 2],
  [60, 40],
  [40, 60],
])('%i worse and %i better has the exact p-value', (worse, better) => {
  // The incomplete beta function behind it is accurate to about 4e-9.
  expect(mcNemarPValue(worse, better)).toBeCloseTo(tail(worse, worse + better), 8)
})

test('no discordant pairs are no evidence', () => {
  expect(mcNemarPValue(0, 0)).toBe(1)
})

test.each([
  [0.9, 4],
  [0.99, 7],
  [0.999, 10],
])('at %f confidence there have to be at least %i pairs', (confidence, pairs) => {
  expect(fewestDiscordantPairs(confidence)).toBe(pairs)
})

test('binomial tails of other probabilities', () => {
  expect(binomialUpperTail(1, 3, 0.2)).toBeCloseTo(1 - 0.8 ** 3, 12)
  expect(binomialUpperTail(4, 3, 0.2)).toBe(0)
})

test('where each direction is equally likely, at most 1 − confidence of the tests reject, however many pairs', () => {
  for (let pairs = 1; pairs <= 300; pairs++) {
    let worse = 0
    while (worse <= pairs && mcNemarPValue(worse, pairs - worse) > 0.01) worse++
    expect(worse > pairs ? 0 : tail(worse, pairs)).toBeLessThanOrEqual(0.01)
  }
})
