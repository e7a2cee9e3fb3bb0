import { expect, test } from 'vitest'
import { randomSources } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'

test('a sample has the same stream whichever others there are', () => {
  const draw = (positions: number[]) =>
    randomSources(seed, positions).map(({ uniform, normal }) => [uniform(), normal(), uniform()])
  const [first, second, third] = draw([0, 1, 2])
  expect(draw([2, 0])).toEqual([third, first])
  expect(draw([1])).toEqual([second])
})

test('a seed is a whole number', () => {
  expect(() => randomSources(0.5, [0])).toThrow('A seed is a whole number; it is 0.5.')
  expect(() => randomSources(Number.NaN, [0])).toThrow('it is NaN.')
  expect(() => randomSources('7' as never, [0])).toThrow('it is "7".')
})

test('streams of neighbours, and of close seeds, begin independently', () => {
  const beginnings = (of: number) => randomSources(of, range(10_000)).map(({ uniform }) => uniform() - 0.5)
  const [here, there] = [beginnings(seed), beginnings(seed + 1)]
  const correlation = (left: number[], right: number[]) =>
    (12 * left.reduce((sum, value, index) => sum + value * right[index], 0)) / left.length
  // Five standard deviations of what independent numbers give.
  const most = 5 / Math.sqrt(here.length)
  expect(Math.abs(correlation(here.slice(1), here.slice(0, -1)))).toBeLessThan(most)
  expect(Math.abs(correlation(here, there))).toBeLessThan(most)
  expect(Math.abs(correlation(here, here) - 1)).toBeLessThan(most)
})
