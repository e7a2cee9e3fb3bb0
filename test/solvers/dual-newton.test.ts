import { describe, expect, test } from 'vitest'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { closestInPolyhedron } from '../../src/solvers/closest-in-polyhedron.js'
import type { Polyhedron } from '../../src/solvers/dual-newton.js'
import { smallestInPolyhedron } from '../../src/solvers/smallest-in-polyhedron.js'
import { seed } from '../seed.js'

const norms = ['linf', 'l2', 'l1'] as const

function polyhedron(rows: number[][], offsets: number[], lower: number[], upper: number[]): Polyhedron {
  return {
    rows: rows.map((row) => Float64Array.from(row)),
    offsets: Float64Array.from(offsets),
    lower: Float64Array.from(lower),
    upper: Float64Array.from(upper),
  }
}

function length(norm: 'linf' | 'l2' | 'l1', d: Float64Array): number {
  if (norm === 'l2') return Math.hypot(...d)
  const sizes = Array.from(d, Math.abs)
  return norm === 'linf' ? Math.max(...sizes) : sizes.reduce((sum, size) => sum + size, 0)
}

const missed = ({ rows, offsets }: Polyhedron, d: Float64Array) =>
  Math.max(...rows.map((row, index) => offsets[index] - row.reduce((sum, weight, i) => sum + weight * d[i], 0)))

describe('closestInPolyhedron', () => {
  // The half-plane 0.6 x + 0.8 y ≥ 1.
  test.each([
    ['l2', [0.6, 0.8]],
    ['linf', [1 / 1.4, 1 / 1.4]],
    ['l1', [0, 1.25]],
  ] as const)('%s: the point of a half-plane', (norm, expected) => {
    const { status, d } = closestInPolyhedron(norm, polyhedron([[0.6, 0.8]], [1], [-3, -3], [3, 3]), 5)
    expect(status).toBe('solved')
    expected.forEach((coordinate, feature) => expect(d[feature]).toBeCloseTo(coordinate, 5))
  })

  test('l2: in a box that cuts the nearest point off', () => {
    const { d } = closestInPolyhedron('l2', polyhedron([[0.6, 0.8]], [1], [-3, -3], [3, 0.5]), 5)
    expect(d[1]).toBe(0.5)
    expect(d[0]).toBeCloseTo(1, 8)
  })

  test('l2: at the edge of two half-planes, with both multipliers above zero', () => {
    const { d, multipliers } = closestInPolyhedron(
      'l2',
      polyhedron(
        [
          [1, 0],
          [0, 1],
        ],
        [1, 2],
        [-9, -9],
        [9, 9],
      ),
      5,
    )
    expect(Array.from(d)).toEqual([expect.closeTo(1, 8), expect.closeTo(2, 8)])
    expect(Array.from(multipliers)).toEqual([expect.closeTo(1, 8), expect.closeTo(2, 8)])
  })

  test.each(norms)('%s: nothing is solved beyond the limit, just within it is', (norm) => {
    const of = polyhedron([[1, 0]], [1], [-3, -3], [3, 3])
    expect(closestInPolyhedron(norm, of, 0.99).status).toBe('beyond')
    expect(closestInPolyhedron(norm, of, 1.01).status).toBe('solved')
  })

  test.each(norms)('%s: an empty polyhedron is never solved', (norm) => {
    const of = polyhedron(
      [
        [1, 0],
        [-1, 0],
      ],
      [1, -0.5],
      [-3, -3],
      [3, 3],
    )
    expect(closestInPolyhedron(norm, of, 5).status).not.toBe('solved')
  })

  test('l2: agrees with the interior-point method on random polyhedra, near-parallel rows included', () => {
    const random = randomSource(seed)
    let solved = 0
    for (const _ of range(60)) {
      const n = 12
      const first = range(n).map(() => random.normal())
      const rows = range(8).map((row) => {
        const own = range(n).map(() => random.normal())
        const mixed = row % 3 === 2 ? first.map((value, feature) => value + 1e-4 * own[feature]) : own
        const size = Math.hypot(...mixed)
        return mixed.map((value) => value / size)
      })
      const of = polyhedron(
        rows,
        rows.map(() => 0.6 * random.normal()),
        range(n).map(() => -random.uniform()),
        range(n).map(() => random.uniform()),
      )
      const { status, d } = closestInPolyhedron('l2', of, 10)
      const halfSpaces = rows.map((normal, row) => ({ normal, offset: of.offsets[row] }))
      const other = smallestInPolyhedron('l2', halfSpaces, of)
      if (missed(of, other) > 1e-6) {
        expect(status).not.toBe('solved')
        continue
      }
      expect(status).toBe('solved')
      expect(missed(of, d)).toBeLessThan(1e-7)
      expect(Math.abs(length('l2', d) - length('l2', other))).toBeLessThan(1e-6)
      solved++
    }
    expect(solved).toBeGreaterThan(15)
  })

  test('l1: no point of a random search is shorter', () => {
    const random = randomSource(seed)
    for (const _ of range(10)) {
      const rows = range(3).map(() => {
        const own = range(3).map(() => random.normal())
        return own.map((value) => value / Math.hypot(...own))
      })
      const of = polyhedron(rows, [0.3, 0.2, 0.1], [-1, -1, -1], [1, 1, 1])
      const { status, d } = closestInPolyhedron('l1', of, 10)
      const points = range(2000).map(() => Float64Array.from([0, 0, 0], () => 2 * random.uniform() - 1))
      const inside = points.filter((point) => missed(of, point) <= 0)
      if (status !== 'solved') expect(inside.length).toBeLessThan(5)
      else {
        expect(missed(of, d)).toBeLessThan(1e-5)
        for (const point of inside) expect(length('l1', d)).toBeLessThan(length('l1', point) + 1e-5)
      }
    }
  })
})
