import { expect, test } from 'vitest'
import { boundDeviation } from '../../src/measures/bound-deviation.js'
import { describeDistribution } from '../../src/statistics/distribution.js'

test('deviations, gaps and their statistics by hand; samples without a distance or a bound count nowhere', () => {
  const { deviations, relativeGaps, violations, deviation, relativeGap } = boundDeviation(
    [2, 4, 1, Number.NaN, 3],
    [1, 1, 0, 1, Number.NaN],
  )
  expect([...deviations]).toEqual([1, 3, 1, Number.NaN, Number.NaN])
  expect([...relativeGaps]).toEqual([0.5, 0.75, 1, Number.NaN, Number.NaN])
  expect(violations).toBe(0)
  expect(deviation).toEqual({
    count: 3,
    mean: 5 / 3,
    standardDeviation: expect.closeTo(Math.sqrt(4 / 3), 12),
    smallest: 1,
    lowerQuartile: 1,
    median: 1,
    upperQuartile: 2,
    largest: 3,
  })
  expect(relativeGap.mean).toBeCloseTo(0.75, 12)
})

test('an adversarial example at or below the radius is a violation; a bound of 0 certifies nothing', () => {
  expect(boundDeviation([1, 0.9, 1.1, 0], [1, 1, 1, 0]).violations).toBe(2)
})

test('quartiles are interpolated', () => {
  const { lowerQuartile, median, upperQuartile } = describeDistribution([4, 1, 2, 3])
  expect([lowerQuartile, median, upperQuartile]).toEqual([1.75, 2.5, 3.25])
})

test('one number has no standard deviation, none have nothing', () => {
  expect(describeDistribution([7])).toMatchObject({ count: 1, mean: 7, standardDeviation: Number.NaN, median: 7 })
  const { count, ...figures } = describeDistribution([])
  expect(count).toBe(0)
  expect(Object.values(figures).every(Number.isNaN)).toBe(true)
})
