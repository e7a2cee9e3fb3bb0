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
