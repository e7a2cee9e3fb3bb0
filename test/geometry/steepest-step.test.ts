import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDomain } from '../../src/geometry/domain.js'
import { type AttackNorm, distance, exponent } from '../../src/geometry/norm.js'
import { perturbationOnSphere } from '../../src/geometry/random-perturbation.js'
import { roomWithin, steepestStep } from '../../src/geometry/steepest-step.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

const dimension = 6
const norms: AttackNorm[] = ['l1', 'l1.1', 'l1.5', 'l2', 'l3', 'l40', 'linf']
const unlimited = {
  down: new Float64Array(dimension).fill(Number.POSITIVE_INFINITY),
  up: new Float64Array(dimension).fill(Number.POSITIVE_INFINITY),
}
const gradient = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: dimension, maxLength: dimension })
const limits = fc
  .array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2, noNaN: true })), {
    minLength: dimension,
    maxLength: dimension,
  })
  .map((list) => Float64Array.from(list))
const radius = fc.double({ min: 1e-3, max: 3, noNaN: true })
const settings = { seed, numRuns: 300 }

const dot = (left: ArrayLike<number>, right: ArrayLike<number>) =>
  Array.from(left).reduce((sum, value, index) => sum + value * right[index], 0)
const length = (step: Float64Array, norm: AttackNorm) => distance(new Float64Array(dimension), step, norm)[norm]

describe.each(norms)('the steepest step in %s', (norm) => {
  test('gains the dual norm times the radius where there is room', () => {
    const dual = (slopes: readonly number[]) => {
      const q = 1 / (1 - 1 / exponent(norm))
      const sizes = slopes.map(Math.abs)
      if (norm === 'l1') return Math.max(...sizes)
      const largest = Math.max(...sizes)
      return largest === 0 ? 0 : largest * sizes.reduce((sum, size) => sum + (size / largest) ** q, 0) ** (1 / q)
    }
    fc.assert(
      fc.property(gradient, radius, (slopes, radius) => {
        const step = steepestStep(slopes, norm, radius, unlimited)
        expect(length(step, norm)).toBeLessThanOrEqual(radius * (1 + 1e-9))
        expect(dot(slopes, step)).toBeCloseTo(radius * dual(slopes), 6)
      }),
      settings,
    )
  })

  test('stays in ball and room, and no other point there gains more', () => {
    const random = randomSource(seed)
    fc.assert(
      fc.property(gradient, radius, limits, limits, (slopes, radius, down, up) => {
        const step = steepestStep(slopes, norm, radius, { down, up })
        expect(length(step, norm)).toBeLessThanOrEqual(radius * (1 + 1e-9))
        expect(step.every((move, feature) => move <= up[feature] && move >= -down[feature])).toBe(true)
        for (let attempt = 0; attempt < 20; attempt++) {
          // Near the step, where a point that gains more would be, or anywhere on the ball; then into the room.
          const noise = perturbationOnSphere(norm, attempt % 2 ? radius : radius / 20, dimension, random)
          const other = noise.map((move, feature) => move + (attempt % 2 ? 0 : step[feature]))
          const shrink = Math.min(1, radius / length(other, norm))
          const clipped = other.map((move, feature) => Math.min(Math.max(move * shrink, -down[feature]), up[feature]))
          expect(dot(slopes, clipped)).toBeLessThanOrEqual(dot(slopes, step) + 1e-9)
        }
      }),
      settings,
    )
  })
})

test('a gradient of zero is no direction', () => {
  for (const norm of norms) {
    expect(Array.from(steepestStep(new Float64Array(dimension), norm, 1, unlimited), Math.abs)).toEqual(
      Array(dimension).fill(0),
    )
  }
})

test('room is what the domain leaves; a frozen feature has none', () => {
  const domain = createDomain({ lower: [0, 0, 2], upper: [1, 1, 2] }, [3])
  expect(roomWithin(Float32Array.of(0.25, 1, 2), domain)).toEqual({
    down: Float64Array.of(0.25, 1, 0),
    up: Float64Array.of(0.75, 0, 0),
  })
})
