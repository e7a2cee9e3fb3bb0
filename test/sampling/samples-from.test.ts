import { expect, test } from 'vitest'
import { SampleError } from '../../src/errors.js'
import { type SampleArrays, samplesFrom } from '../../src/sampling/samples-from.js'

test('takes lists of lists, of any depth, and typed arrays', () => {
  expect(
    samplesFrom({
      inputs: [
        [[1], [2]],
        [Float64Array.of(3), [4]],
      ],
      labels: [1, 0],
      targets: [5, 6],
    }),
  ).toEqual({
    inputs: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2, 1] },
    labels: Int32Array.of(1, 0),
    targets: { data: Float32Array.of(5, 6), shape: [2] },
  })
  expect(samplesFrom({ inputs: [] })).toEqual({ inputs: { data: new Float32Array(), shape: [0] } })
})

test.each([
  [{ inputs: [[1, 2], [3]] }, 'inputs[1] is a list of 1; the first of its kind is a list of 2.'],
  [{ inputs: [[1], 2] }, 'inputs[1] is 2; the first of its kind is a list of 1.'],
  [{ inputs: [[1], [[2]]] }, 'inputs[1][0] is a list, not a number'],
  [{ inputs: [[1], [Number.NaN]] }, 'inputs[1][0] is NaN, not a number that float32 can hold.'],
  [{ inputs: [['1']] }, 'inputs[0][0] is 1, not a number'],
  [{ inputs: [[1e39]] }, 'inputs[0][0] is 1e+39'],
  [{ inputs: [[1]], labels: [0.5] }, 'labels[0] is 0.5, not a class number.'],
  [{ inputs: [[1]], targets: [[null]] }, 'targets[0][0] is null, not a number'],
])('refuses %j', (arrays, message) => {
  const convert = () => samplesFrom(arrays as unknown as SampleArrays)
  expect(convert).toThrow(SampleError)
  expect(convert).toThrow(message)
})
