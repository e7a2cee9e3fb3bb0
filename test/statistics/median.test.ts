import { expect, test } from 'vitest'
import { median } from '../../src/statistics/median.js'

test.each([
  [[], Number.NaN],
  [[4], 4],
  [[3, 1], 2],
  [[9, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected)
})
