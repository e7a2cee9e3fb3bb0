import { describe, expect, test } from 'vitest'
import { displacementToHyperplane } from '../../src/geometry/hyperplane.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

const norms = ['linf', 'l2', 'l1'] as const
const dimension = 12

/** A point of a box with frozen features, and a hyperplane that some of the features do not matter to. */
function randomCase(random: ReturnType<typeof randomSource>, share: number) {
  const draw = () => Float32Array.from({ length: dimension }, () => random.normal())
  const lower = draw().map((value, feature) => (feature === 3 ? 0.5 : -Math.abs(value)))
  const upper = draw().map((value, feature) => (feature === 3 ? 0.5 : Math.abs(value)))
  const point = lower.map((low, feature) => (feature === 4 ? low : low + random.uniform() * (upper[feature] - low)))
  const normal = draw().map((value, feature) => (feature === 5 ? 0 : value))
  // The offset is `share` of what the box can reach on one side.
  let offset = 0
  normal.forEach((weight, feature) => {
    const end = weight > 0 === share > 0 ? upper[feature] : lower[feature]
    offset += weight * (point[feature] + Math.abs(share) * (end - point[feature]))
  })
  return { point, normal, offset, domain: { lower, upper } }
}

function along(normal: ArrayLike<number>, values: ArrayLike<number>): number {
  return Array.from(normal).reduce((sum, weight, index) => sum + weight * values[index], 0)
}

describe.each(norms)('displacement onto a hyperplane within a box, %s', (norm) => {
  // Feasible and satisfying the optimality conditions of the convex problem: no other point is closer.
  test.each([0.01, 0.3, 0.9, 0.999, -0.01, -0.5, -0.99])('is optimal at %d of the way', (share) => {
    const random = randomSource(seed)
    for (let repeat = 0; repeat < 50; repeat++) {
      const { point, normal, offset, domain } = randomCase(random, share)
      const step = displacementToHyperplane(norm, point, { normal, offset }, domain)
      const end = step.map((length, feature) => point[feature] + length)
      expect(along(normal, end)).toBeCloseTo(offset, 9)
      const free: number[] = []
      const held: number[] = []
      step.forEach((length, feature) => {
        expect(end[feature]).toBeGreaterThanOrEqual(domain.lower[feature] - 1e-12)
        expect(end[feature]).toBeLessThanOrEqual(domain.upper[feature] + 1e-12)
        if (normal[feature] === 0) {
          expect(Math.abs(length)).toBe(0)
          return
        }
        expect(length * Math.sign(normal[feature]) * Math.sign(share)).toBeGreaterThanOrEqual(0)
        const bound = normal[feature] > 0 === share > 0 ? domain.upper[feature] : domain.lower[feature]
        ;(Math.abs(end[feature] - bound) < 1e-9 ? held : free).push(feature)
      })
      const size = (feature: number) => Math.abs(step[feature])
      const weight = (feature: number) => Math.abs(normal[feature])
      if (norm === 'l1') {
        const lightest = Math.min(...held.filter((feature) => size(feature) > 0).map(weight))
        const moving = free.filter((feature) => size(feature) > 1e-12)
        expect(moving.length).toBeLessThanOrEqual(1)
        for (const feature of moving) expect(weight(feature)).toBeLessThanOrEqual(lightest)
        const still = free.filter((feature) => size(feature) <= 1e-12)
        for (const feature of still)
          expect(weight(feature)).toBeLessThanOrEqual(Math.min(lightest, ...moving.map(weight)))
      } else {
        const speed = (feature: number) => size(feature) / (norm === 'l2' ? weight(feature) : 1)
        const fastest = Math.max(...free.map(speed))
        for (const feature of free) expect(speed(feature)).toBeCloseTo(fastest, 9)
        for (const feature of held) expect(speed(feature)).toBeLessThanOrEqual(fastest + 1e-9)
      }
    }
  })

  test('comes as near as the box allows where it cannot reach', () => {
    const domain = { lower: Float32Array.of(0, 0, 0), upper: Float32Array.of(1, 1, 1) }
    const step = displacementToHyperplane(norm, [0.5, 0.25, 0.5], { normal: [1, -2, 0], offset: 7 }, domain)
    expect(step).toEqual(Float64Array.of(0.5, -0.25, 0))
  })

  test('is zero on the hyperplane, and where there is none', () => {
    const domain = { lower: Float32Array.of(0, 0), upper: Float32Array.of(1, 1) }
    const step = (normal: number[], offset: number) =>
      displacementToHyperplane(norm, [0.5, 0.25], { normal, offset }, domain).map(Math.abs)
    expect(step([1, 2], 1)).toEqual(new Float64Array(2))
    expect(step([0, 0], 1)).toEqual(new Float64Array(2))
  })
})
