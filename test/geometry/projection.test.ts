import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDomain } from '../../src/geometry/domain.js'
import { distance } from '../../src/geometry/norm.js'
import { type Ball, boxWithinDomain, projectOntoBall } from '../../src/geometry/projection.js'
import { seed } from '../seed.js'

const dimension = 5
const wide = createDomain([-1000, 1000], [dimension])
const unit = createDomain([0, 1], [dimension])
const vector = (min: number, max: number) =>
  fc.float32Array({ minLength: dimension, maxLength: dimension, noNaN: true, min, max })
const radius = fc.double({ min: 1e-6, max: 3, noNaN: true })
const settings = { seed, numRuns: 500 }

function project(point: Float32Array, ball: Ball, domain = wide): Float32Array {
  const projected = point.slice()
  projectOntoBall(projected, ball, domain)
  return projected
}

describe.each(['linf', 'l2', 'l1'] as const)('projection onto the %s ball', (norm) => {
  test('is inside ball and domain to the last bit, and stays there', () => {
    fc.assert(
      fc.property(vector(-3, 3), vector(0, 1), radius, (point, center, radius) => {
        const ball = { norm, center, radius }
        const projected = project(point, ball, unit)
        expect(distance(center, projected)[norm]).toBeLessThanOrEqual(radius)
        expect(projected.every((coordinate) => coordinate >= 0 && coordinate <= 1)).toBe(true)
        expect(project(projected, ball, unit)).toEqual(projected)
      }),
      settings,
    )
  })

  test('leaves points of the ball alone', () => {
    fc.assert(
      fc.property(vector(-3, 3), vector(-3, 3), (point, center) => {
        const ball = { norm, center, radius: distance(center, point)[norm] }
        expect(project(point, ball)).toEqual(point)
      }),
      settings,
    )
  })

  test('brings no two points further apart', () => {
    fc.assert(
      fc.property(vector(-3, 3), vector(-3, 3), vector(-1, 1), radius, (left, right, center, radius) => {
        const ball = { norm, center, radius }
        const apart = distance(project(left, ball), project(right, ball)).l2
        expect(apart).toBeLessThanOrEqual(distance(left, right).l2 + 1e-5)
      }),
      settings,
    )
  })

  test('is nearer than any other point of the ball', () => {
    fc.assert(
      fc.property(vector(-3, 3), vector(-3, 3), radius, (point, other, radius) => {
        const ball = { norm, center: new Float32Array(dimension), radius }
        const [nearest, inside] = [project(point, ball), project(other, ball)]
        expect(distance(point, nearest).l2).toBeLessThanOrEqual(distance(point, inside).l2 + 1e-5)
      }),
      settings,
    )
  })
})

test('known projections', () => {
  const center = Float32Array.of(0, 0)
  const domain = createDomain([-10, 10], [2])
  const point = (norm: Ball['norm']) => {
    const moved = Float32Array.of(3, 4)
    projectOntoBall(moved, { norm, center, radius: 2.5 }, domain)
    return Array.from(moved)
  }
  expect(point('linf')).toEqual([2.5, 2.5])
  expect(point('l2')[0]).toBeCloseTo(1.5, 6)
  expect(point('l2')[1]).toBeCloseTo(2, 6)
  expect(point('l1')[0]).toBeCloseTo(0.75, 6)
  expect(point('l1')[1]).toBeCloseTo(1.75, 6)
})

test('the box within the domain is the linf ball there, rounded inwards', () => {
  fc.assert(
    fc.property(vector(0, 1), radius, (center, radius) => {
      const { lower, upper } = boxWithinDomain({ center, radius }, unit)
      for (const corner of [lower, upper]) {
        expect(distance(center, corner).linf).toBeLessThanOrEqual(radius)
        expect(corner.every((coordinate) => coordinate >= 0 && coordinate <= 1)).toBe(true)
      }
      center.forEach((coordinate, index) => {
        expect(lower[index]).toBeCloseTo(Math.max(0, coordinate - radius), 6)
        expect(upper[index]).toBeCloseTo(Math.min(1, coordinate + radius), 6)
      })
    }),
    settings,
  )
})
