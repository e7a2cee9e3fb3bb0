import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { inputBall } from '../../src/bounds/input-ball.js'
import { leastPositive } from '../../src/geometry/float32.js'
import { seed } from '../seed.js'

const settings = { norm: 'linf', domain: 'ignore', rounding: 'covered', precision: 'float32' } as const

test('ends are float32 numbers outside of the ball, and near it', () => {
  const float32 = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) })
  const radius = fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1e30 })
  fc.assert(
    fc.property(float32, radius, (input, epsilon) => {
      const ball = { data: Float32Array.of(input), shape: [1, 1] }
      const domain = { lower: Float32Array.of(0), upper: Float32Array.of(0) }
      const { lower, upper, radius: covered } = inputBall(ball, [epsilon], domain, settings)
      // The sums are off by their own rounding.
      for (const [end, exact] of [
        [-lower[0], epsilon - input],
        [upper[0], input + epsilon],
        [covered[0], epsilon],
      ]) {
        expect(end).toBeGreaterThan(exact + Math.abs(exact) * 2 ** -50)
        expect(Math.fround(end)).toBe(end)
        expect(end - exact).toBeLessThanOrEqual(1.51 * Math.max(spacing(end), spacing(exact)) + leastPositive)
      }
    }),
    { seed, numRuns: 2000 },
  )
})

/** How far float32 numbers are apart there. */
function spacing(value: number): number {
  return Math.max(leastPositive, 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23))
}
