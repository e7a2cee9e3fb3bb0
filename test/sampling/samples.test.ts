import { expect, test } from 'vitest'
import { firstSamples } from '../../src/sampling/samples.js'

const inputs = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 1, 2] }

test('takes the first samples, with their labels', () => {
  expect(firstSamples({ inputs, labels: Int32Array.of(7, 8, 9) }, 2)).toEqual({
    inputs: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 1, 2] },
    labels: Int32Array.of(7, 8),
  })
})

test('takes all of them where there are fewer', () => {
  expect(firstSamples({ inputs }, 5)).toEqual({ inputs })
})

test('takes the first targets of a regressor', () => {
  const targets = { data: Float32Array.of(7, 8, 9), shape: [3, 1] }
  expect(firstSamples({ inputs, targets }, 2).targets).toEqual({ data: Float32Array.of(7, 8), shape: [2, 1] })
})

test.each([-1, 1.5, Number.NaN])('refuses %d as their count', (count) => {
  expect(() => firstSamples({ inputs }, count)).toThrow(`must be a whole number of at least 0; it is ${count}.`)
})
