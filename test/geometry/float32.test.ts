import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allFinite, roundToward } from '../../src/geometry/float32.js'
import { seed } from '../seed.js'

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true, max: Math.fround(1e30), min: Math.fround(-1e30) })

test('rounds to a float32 between the value and its anchor, and no further than one step from the nearest', () => {
  fc.assert(
    fc.property(float32, fc.double({ noNaN: true, min: -1e30, max: 1e30 }), (anchor, value) => {
      const rounded = roundToward(value, anchor)
      expect(Math.fround(rounded)).toBe(rounded)
      expect(rounded).toBeGreaterThanOrEqual(Math.min(value, anchor))
      expect(rounded).toBeLessThanOrEqual(Math.max(value, anchor))
      expect(Math.abs(rounded - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -23 + 2 ** -149)
    }),
    { seed, numRuns: 2000 },
  )
})

test('steps across zero and in both signs', () => {
  expect(roundToward(-1e-60, -1)).toBe(-(2 ** -149))
  expect(roundToward(1e-60, 1)).toBe(2 ** -149)
  expect(roundToward(0.1, 0)).toBeLessThan(0.1)
  expect(roundToward(-0.1, 0)).toBeGreaterThan(-0.1)
  expect(roundToward(0.1, 1)).toBe(Math.fround(0.1))
})

test.each([
  [[1, 2, 3], true],
  [[], true],
  [[1, Number.NaN, 3], false],
  [[1, 2, Number.POSITIVE_INFINITY], false],
  [[Number.NEGATIVE_INFINITY, 2, 3], false],
])('%j: all finite is %s', (values, expected) => {
  expect(allFinite(Float32Array.from(values))).toBe(expected)
})
