import { describe, expect, test } from 'vitest'
import { nearestInBoth, nearestInHalfSpace } from '../../src/geometry/half-space.js'
import type { Hyperplane } from '../../src/geometry/hyperplane.js'
import { distance } from '../../src/geometry/norm.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { closestInPolyhedron } from '../../src/solvers/closest-in-polyhedron.js'
import { seed } from '../seed.js'

const unit = { lower: Float64Array.of(0, 0), upper: Float64Array.of(1, 1) }

describe('one half-space', () => {
  test.each([
    // x₀ + x₁ ≤ 1 from the corner (1, 1).
    { from: [1, 1], normal: [1, 1], offset: 1, linf: 0.5, l2: Math.SQRT1_2, l1: 1 },
    // x₀ + 3 x₁ ≤ 1: x₁ gains most, and has the room for it.
    { from: [1, 1], normal: [1, 3], offset: 1, linf: 0.75, l2: 3 / Math.sqrt(10), l1: 1 },
    // From outside: x₀ has to come in by 1, and goes on where that is not enough.
    { from: [2, 0.5], normal: [1, 0], offset: 0.5, linf: 1.5, l2: 1.5, l1: 1.5 },
    { from: [2, 0.5], normal: [1, 1], offset: 1.5, linf: 1, l2: 1, l1: 1 },
    // x₀ comes in by 1, which in ℓ∞ leaves x₁ room for nothing; both go on together.
    { from: [2, 1], normal: [1, 1], offset: 1, linf: 1, l2: Math.SQRT2, l1: 2 },
    // Already there.
    { from: [0.25, 0.25], normal: [1, 1], offset: 1, linf: 0, l2: 0, l1: 0 },
  ])('from $from to $normal ≤ $offset', ({ from, normal, offset, ...distances }) => {
    for (const norm of ['linf', 'l2', 'l1'] as const) {
      const near = nearestInHalfSpace(norm, from, { normal, offset }, unit)!
      expect(near.distance).toBeCloseTo(distances[norm], 12)
      expect(normal[0] * near.point[0] + normal[1] * near.point[1]).toBeLessThanOrEqual(offset + 1e-12)
    }
  })

  test('that the box does not reach has no point', () => {
    expect(nearestInHalfSpace('l2', [1, 1], { normal: [1, 1], offset: -0.01 }, unit)).toBeUndefined()
  })
})

describe('two half-spaces', () => {
  const random = randomSource(seed)
  const problems = range(200).map(() => {
    const numbers = () => Array.from({ length: 3 }, () => random.normal())
    const plane = (): Hyperplane => ({ normal: numbers(), offset: -2 * random.uniform() })
    const from = numbers()
    const box = { lower: new Float64Array(3).fill(-1), upper: new Float64Array(3).fill(1) }
    return { from, one: plane(), other: plane(), box }
  })

  test('twice the same is as good as once', () => {
    for (const { from, one, box } of problems) {
      const [once, twice] = [nearestInHalfSpace('linf', from, one, box), nearestInBoth('linf', from, one, one, box)]
      expect(twice?.point).toEqual(once?.point)
    }
  })

  test.each(['linf', 'l2'] as const)('%s: the distance is that of a method for any number of half-spaces', (norm) => {
    let compared = 0
    for (const { from, one, other, box } of problems) {
      const planes = [one, other].map(({ normal, offset }) => {
        const size = Math.hypot(...Array.from(normal))
        const missing = from.reduce((sum, value, feature) => sum + normal[feature] * value, -offset)
        return { normal: Float64Array.from(normal, (weight) => -weight / size), offset: missing / size }
      })
      const displacements = {
        rows: planes.map(({ normal }) => normal),
        offsets: Float64Array.from(planes, ({ offset }) => offset),
        lower: Float64Array.from(box.lower, (low, feature) => low - from[feature]),
        upper: Float64Array.from(box.upper, (high, feature) => high - from[feature]),
      }
      const { status, d } = closestInPolyhedron(norm, displacements, 10)
      const near = nearestInBoth(norm, from, one, other, box)
      expect(status).toBe(near ? 'solved' : 'beyond')
      if (!near) continue
      const point = d.map((step, feature) => from[feature] + step)
      expect(Math.abs(near.distance - distance(from, point)[norm])).toBeLessThan(1e-6 * near.distance + 1e-8)
      compared++
    }
    expect(compared).toBeGreaterThan(50)
  })

  test.each(['linf', 'l2', 'l1'] as const)(
    '%s: the point is in both, as far as is said, and no sampled one is nearer',
    (norm) => {
      for (const { from, one, other, box } of problems) {
        const near = nearestInBoth(norm, from, one, other, box)
        for (const _ of range(200)) {
          const sample = box.lower.map((low, feature) => low + random.uniform() * (box.upper[feature] - low))
          if (excess(one, sample) > 0 || excess(other, sample) > 0) continue
          expect(near).toBeDefined()
          expect(distance(from, sample)[norm]).toBeGreaterThanOrEqual(near!.distance - 1e-9)
        }
        if (!near) continue
        expect(Math.max(excess(one, near.point), excess(other, near.point))).toBeLessThan(1e-8)
        expect(Math.abs(distance(from, near.point)[norm] - near.distance)).toBeLessThan(1e-8)
      }
    },
  )
})

function excess({ normal, offset }: Hyperplane, point: Float64Array): number {
  return point.reduce((sum, value, feature) => sum + normal[feature] * value, -offset)
}
