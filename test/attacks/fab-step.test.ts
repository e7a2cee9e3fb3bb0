import { expect, test } from 'vitest'
import { fabStep } from '../../src/attacks/auto-attack/fab-step.js'

const domain = { lower: Float32Array.of(-10, -10), upper: Float32Array.of(10, 10) }
const settings = { norm: 'l2', alphaMax: 0.1, eta: 1.05 } as const
const origin = Float32Array.of(0, 0)
// The margin 1 − x is zero on the line x = 1.
const gradient = Float32Array.of(-1, 0)

test('a step goes beyond the linearised boundary, and a share of the way towards the origin’s own step', () => {
  const point = Float32Array.of(0.5, 3)
  fabStep(point, origin, { margin: 0.5, gradient }, settings, domain)
  // 0.9 · (0.5 + 1.05 · 0.5, 3) + 0.1 · (1.05, 0)
  expect(Array.from(point)).toEqual([Math.fround(1.0275), Math.fround(2.7)])
})

test('the share is small where the boundary is much nearer to the point', () => {
  const point = Float32Array.of(0.96, 3)
  fabStep(point, origin, { margin: 0.04, gradient }, settings, domain)
  const share = 0.04 / 1.04
  expect(point[1]).toBeCloseTo((1 - share) * 3, 6)
})

test('the domain holds, and without a gradient the point is drawn to the origin only', () => {
  const narrow = { lower: Float32Array.of(0, 0), upper: Float32Array.of(1, 1) }
  const point = Float32Array.of(0.5, 1)
  fabStep(point, origin, { margin: 0.5, gradient }, settings, narrow)
  expect(point[0]).toBe(1)
  const still = Float32Array.of(0.5, 1)
  fabStep(still, origin, { margin: 0.5, gradient: new Float32Array(2) }, settings, narrow)
  expect(Array.from(still)).toEqual([Math.fround(0.45), Math.fround(0.9)])
})
