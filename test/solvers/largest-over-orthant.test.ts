import { expect, test } from 'vitest'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { type ConcaveQuadratic, largestOverOrthant } from '../../src/solvers/largest-over-orthant.js'
import { seed } from '../seed.js'

/** H is the matrix of the products of some vectors; every third is a multiple of the first. */
function randomFunction(random: ReturnType<typeof randomSource>, size: number, features: number) {
  const vectors = range(size).map(() => range(features).map(() => random.normal()))
  for (let index = 3; index < size; index += 3) vectors[index] = vectors[0].map((value) => value * (1 + index))
  const product = (one: number, other: number) =>
    vectors[one].reduce((sum, value, feature) => sum + value * vectors[other][feature], 0)
  const matrix = range(size).map((row) => Float64Array.from(range(size), (column) => product(row, column)))
  const of: ConcaveQuadratic = {
    start: Float64Array.from(range(size), () => Math.max(0, random.normal())),
    slopes: Float64Array.from(range(size), () => random.normal()),
    column: (variable) => matrix[variable],
    ridge: 1e-3,
  }
  const slopesAt = (x: Float64Array) =>
    of.slopes.map((slope, row) => {
      const change = matrix[row].reduce((sum, entry, column) => sum + entry * (x[column] - of.start[column]), 0)
      return slope - change - of.ridge * (x[row] - of.start[row])
    })
  return { of, slopesAt }
}

test('no slope leads upwards from where the function is largest', () => {
  const random = randomSource(seed)
  for (const _ of range(50)) {
    const { of, slopesAt } = randomFunction(random, 12, 8)
    const { x, risen } = largestOverOrthant(of, Number.POSITIVE_INFINITY)!
    const slopes = slopesAt(x)
    let expected = 0
    x.forEach((value, variable) => {
      expect(value).toBeGreaterThanOrEqual(0)
      expect(value > 0 ? Math.abs(slopes[variable]) : slopes[variable]).toBeLessThan(1e-5)
      expected += 0.5 * (of.slopes[variable] + slopes[variable]) * (value - of.start[variable])
    })
    expect(Math.abs(risen - expected)).toBeLessThan(1e-6 * (1 + expected))
  }
})

test('it ends where the function has risen enough', () => {
  const { of } = randomFunction(randomSource(seed), 12, 8)
  const most = largestOverOrthant(of, Number.POSITIVE_INFINITY)!
  const enough = largestOverOrthant(of, 0.3 * most.risen)!
  expect(enough.risen).toBeGreaterThanOrEqual(0.3 * most.risen)
  expect(enough.risen).toBeLessThan(most.risen)
})

test('it ends where rounding hides that a variable cannot become positive', () => {
  const slope = 1
  const of = {
    start: Float64Array.of(0, 0),
    slopes: Float64Array.of(slope, slope * (1 + 1e-15)),
    column: () => Float64Array.of(1, 1),
    ridge: 1e-16,
  }
  const found = largestOverOrthant(of, Number.POSITIVE_INFINITY)
  expect(found === undefined || found.x.every((value) => value >= 0)).toBe(true)
})
