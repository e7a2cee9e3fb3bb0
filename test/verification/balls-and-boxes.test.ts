import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distance } from '../../src/geometry/norm.js'
import { isApart, isPositiveOn, magnitude, type RoundBall } from '../../src/verification/balls-and-boxes.js'
import { seed } from '../seed.js'

const norms = ['l2', 'l1'] as const
const box = (lower: readonly number[], upper: readonly number[]) => ({
  lower: Float32Array.from(lower),
  upper: Float32Array.from(upper),
})
const around = (norm: RoundBall['norm'], center: readonly number[], radius: number): RoundBall => ({
  norm,
  center: Float32Array.from(center),
  radius,
})

test.each(norms)('%s: a box is apart from a ball that does not reach it', (norm) => {
  // Its nearest point is (4, 3).
  const far = box([4, 3], [5, 9])
  const reach = { l2: 5, l1: 7 }[norm]
  expect(isApart(around(norm, [0, 0], reach - 1e-6), far)).toBe(true)
  expect(isApart(around(norm, [0, 0], reach), far)).toBe(false)
  expect(isApart(around(norm, [4.5, 4], 0.1), far)).toBe(false)
})

describe.each(norms)('%s: a function is positive on what a ball has of a box', (norm) => {
  const isPositive = (coefficients: number[], constant: number, [lower, upper]: number[][], ball?: RoundBall) => {
    const linear = { coefficients, constant }
    return isPositiveOn(linear, magnitude(linear, box(lower, upper)), box(lower, upper), ball)
  }

  test('from its least value on', () => {
    // 3x + 4y is −5 on the unit ball in ℓ2 and −4 in ℓ1; −7 in the square.
    const square = [
      [-1, -1],
      [1, 1],
    ]
    const least = { l2: 5, l1: 4 }[norm]
    const unit = around(norm, [0, 0], 1)
    expect(isPositive([3, 4], least + 1e-6, square, unit)).toBe(true)
    expect(isPositive([3, 4], least - 1e-6, square, unit)).toBe(false)
    expect(isPositive([3, 4], least + 1e-6, square)).toBe(false)
    expect(isPositive([3, 4], 7 + 1e-6, square)).toBe(true)
  })

  test('where the box cuts something off, and where it does not hold the centre', () => {
    // What y may not take, x takes; in ℓ1 as far as there is room, in ℓ2 √(1 − 0.36).
    const flat = [
      [-1, -0.6],
      [1, 0.6],
    ]
    const least = { l2: 3 * 0.8 + 4 * 0.6, l1: 3 * 0.4 + 4 * 0.6 }[norm]
    expect(isPositive([3, 4], least + 1e-6, flat, around(norm, [0, 0], 1))).toBe(true)
    expect(isPositive([3, 4], least - 1e-6, flat, around(norm, [0, 0], 1))).toBe(false)
    // At x ≥ 0.6 there is 0.8, or 0.4, left for y.
    const right = [
      [0.6, -1],
      [1, 1],
    ]
    const beside = { l2: -3 * 0.6 + 4 * 0.8, l1: -3 * 0.6 + 4 * 0.4 }[norm]
    expect(isPositive([3, 4], beside + 1e-6, right, around(norm, [0, 0], 1))).toBe(true)
    expect(isPositive([3, 4], beside - 1e-6, right, around(norm, [0, 0], 1))).toBe(false)
  })

  test('only if no point says otherwise, whatever the sizes', () => {
    const size = fc.tuple(fc.integer({ min: -30, max: 10 }), fc.double({ min: -1, max: 1, noNaN: true }))
    const number = size.map(([power, part]) => Math.fround(part * 2 ** power))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(number, number, number, number, fc.double({ min: 0, max: 1, noNaN: true })), {
          minLength: 1,
        }),
        fc.double({ min: 1e-6, max: 4, noNaN: true }),
        fc.double({ min: 1e-9, max: 1, noNaN: true }),
        (features, radius, share) => {
          const ends = features.map(([, one, other]) => [Math.min(one, other), Math.max(one, other)])
          const within = box(
            ends.map(([low]) => low),
            ends.map(([, high]) => high),
          )
          const ball = around(
            norm,
            features.map(([, , , centre]) => centre),
            radius,
          )
          // A point of the box, moved towards that one which is nearest to the centre until it is in the ball.
          const nearest = ball.center.map((value, i) => Math.min(Math.max(value, within.lower[i]), within.upper[i]))
          const point = features.map(([, , , , part], i) => ends[i][0] + part * (ends[i][1] - ends[i][0]))
          let step = 1
          const moved = () => nearest.map((value, i) => value + step * (point[i] - value))
          while (step > 1e-3 && distance(ball.center, moved())[norm] > radius) step /= 2
          fc.pre(distance(ball.center, moved())[norm] <= radius)
          const coefficients = features.map(([slope]) => slope)
          const value = coefficients.reduce((sum, slope, i) => sum + slope * moved()[i], 0)
          const linear = { coefficients, constant: -value - share * 1e-9 * Math.abs(value) }
          expect(isPositiveOn(linear, magnitude(linear, within), within, ball)).toBe(false)
        },
      ),
      { seed, numRuns: 300 },
    )
  })
})
