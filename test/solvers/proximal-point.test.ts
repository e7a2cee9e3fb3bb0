import { describe, expect, test } from 'vitest'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { type Cost, follow, proximalPoint } from '../../src/solvers/proximal-point.js'
import { seed } from '../seed.js'

const box = (lower: number[], upper: number[]) => ({
  lower: Float64Array.from(lower),
  upper: Float64Array.from(upper),
})
const wide = box([-9, -9], [9, 9])

function costOf({ norm, curvature }: Cost, d: Float64Array): number {
  const sizes = Array.from(d, Math.abs)
  const size = norm === 'linf' ? Math.max(...sizes) : norm === 'l1' ? sizes.reduce((sum, each) => sum + each, 0) : 0
  return size + 0.5 * curvature * sizes.reduce((sum, each) => sum + each ** 2, 0)
}

const dotOf = (left: Float64Array, right: Float64Array) =>
  left.reduce((sum, value, feature) => sum + value * right[feature], 0)

describe('proximalPoint', () => {
  test('without a norm it is the pull by the curvature, cut off', () => {
    const { d, value, free } = proximalPoint({ curvature: 2 }, Float64Array.of(3, -8), box([-1, -1], [9, 9]))
    expect(Array.from(d)).toEqual([1.5, -1])
    // −9/4 and 1 − 8.
    expect(value).toBeCloseTo(-9.25, 12)
    expect(Array.from(free)).toEqual([1, 0])
  })

  test('l1: pulls of less than 1 move nothing', () => {
    const { d, free } = proximalPoint({ norm: 'l1', curvature: 2 }, Float64Array.of(3, -0.5), wide)
    expect(Array.from(d)).toEqual([1, 0])
    expect(Array.from(free)).toEqual([1, 0])
  })

  test('linf: pulls are cut off where what is cut off is 1 in all', () => {
    const { d, value, free, tied } = proximalPoint({ norm: 'linf', curvature: 1 }, Float64Array.of(-3, 1), wide)
    expect(Array.from(d)).toEqual([-2, 1])
    expect(value).toBeCloseTo(2 + 2.5 - 7, 12)
    expect(Array.from(free)).toEqual([0, 1])
    expect(Array.from(tied!)).toEqual([-1, 0])
  })

  test('linf: what reaches the box does not count; at its edge nothing moves', () => {
    const { d, tied } = proximalPoint({ norm: 'linf', curvature: 1 }, Float64Array.of(3, 1.5), box([0, 0], [1, 9]))
    // From 1 on, only 1.5 − 1 would be left.
    expect(Array.from(d)).toEqual([1, 1])
    expect(tied).toBeUndefined()
  })

  test('linf: pulls of less than 1 in all move nothing', () => {
    const { d, value } = proximalPoint({ norm: 'linf', curvature: 1e-3 }, Float64Array.of(-0.5, 0.4), wide)
    expect(Array.from(d, Math.abs)).toEqual([0, 0])
    expect(value).toBe(0)
  })

  test('a centre is what it comes to without a pull', () => {
    const { d } = proximalPoint({ curvature: 0.5, centre: Float64Array.of(1, -2) }, Float64Array.of(0, 0), wide)
    expect(Array.from(d)).toEqual([1, -2])
  })

  test.each(['linf', 'l1', undefined] as const)('%s: no other point costs less, and it moves as it says', (norm) => {
    const random = randomSource(seed)
    for (const _ of range(100)) {
      const n = 1 + Math.floor(6 * random.uniform())
      // Whole numbers: ties, and features without room.
      const room = () => Float64Array.from(range(n), () => Math.round(2 * Math.abs(random.normal())))
      const within = { lower: room().map((by) => -by), upper: room() }
      const pull = Float64Array.from(range(n), () => random.normal())
      const cost = { norm, curvature: 10 ** (2 * random.uniform() - 1.5) }
      const point = proximalPoint(cost, pull, within)
      const lagrangian = (d: Float64Array) => costOf(cost, d) - dotOf(pull, d)
      expect(Math.abs(point.value - lagrangian(point.d))).toBeLessThan(1e-12)
      for (const _ of range(200)) {
        const spread = 10 ** (-4 * random.uniform())
        const other = point.d.map((value, feature) => {
          const moved = value + spread * random.normal()
          return Math.min(Math.max(moved, within.lower[feature]), within.upper[feature])
        })
        expect(point.value).toBeLessThan(lagrangian(other) + 1e-12)
      }
      const change = Float64Array.from(range(n), () => random.normal())
      const move = new Float64Array(n)
      follow(point, cost.curvature, change, move)
      const small = 1e-7
      const next = proximalPoint(
        cost,
        pull.map((own, feature) => own + small * change[feature]),
        within,
      )
      next.d.forEach((value, feature) => {
        expect((value - point.d[feature]) / small).toBeCloseTo(move[feature], 4)
      })
    }
  })
})
