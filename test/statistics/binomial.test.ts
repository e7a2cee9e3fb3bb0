import { expect, test } from 'vitest'
import { binomialInterval, binomialUpperTail } from '../../src/statistics/binomial.js'

/** P(X ≥ count) of a binomial distribution, summed term by term. */
function upperTail(count: number, total: number, probability: number): number {
  let term = (1 - probability) ** total
  let tail = 0
  for (let k = 0; k <= total; k++) {
    if (k >= count) tail += term
    term *= ((total - k) / (k + 1)) * (probability / (1 - probability))
  }
  return tail
}

test.each([
  [1, 10],
  [5, 10],
  [9, 10],
  [3, 250],
  [120, 250],
])('the interval of %i in %i leaves 2.5 %% on either side', (count, total) => {
  const { value, low, high } = binomialInterval(count, total)
  expect(value).toBe(count / total)
  expect(upperTail(count, total, low)).toBeCloseTo(0.025, 7)
  expect(1 - upperTail(count + 1, total, high)).toBeCloseTo(0.025, 7)
})

test('none and all have closed forms', () => {
  expect(binomialInterval(0, 20)).toEqual({ value: 0, low: 0, high: expect.closeTo(1 - 0.025 ** (1 / 20), 8) })
  expect(binomialInterval(20, 20, 0.99)).toEqual({ value: 1, low: expect.closeTo(0.005 ** (1 / 20), 8), high: 1 })
})

test('nothing tried, nothing known', () => {
  expect(binomialInterval(0, 0)).toEqual({ value: Number.NaN, low: 0, high: 1 })
})

test.each([
  [0, 4],
  [1, 4],
  [4, 4],
  [5, 4],
  [130, 250],
])('at least %i of %i: the terms summed', (count, total) => {
  expect(binomialUpperTail(count, total, 0.3)).toBeCloseTo(upperTail(count, total, 0.3), 12)
})
