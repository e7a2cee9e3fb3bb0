import { expect, test } from 'vitest'
import { invertTaps, type WindowGeometry, windows } from '../../src/operators/windows.js'

const geometry = (overrides: Partial<WindowGeometry>): WindowGeometry => ({
  inputSizes: [5],
  kernel: [3],
  strides: [1],
  pads: [0, 0],
  dilations: [1],
  ceilMode: false,
  ...overrides,
})

test('windows list the input under each kernel element', () => {
  expect(windows(geometry({ pads: [1, 0], strides: [2] }))).toEqual({
    outputSizes: [2],
    taps: Int32Array.of(-1, 0, 1, 1, 2, 3),
  })
  expect(windows(geometry({ dilations: [2] })).taps).toEqual(Int32Array.of(0, 2, 4))
})

test('taps of two axes are flat positions, outputs and kernel row-major', () => {
  const { outputSizes, taps } = windows({
    inputSizes: [2, 3],
    kernel: [2, 2],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    ceilMode: false,
  })
  expect(outputSizes).toEqual([1, 2])
  expect(taps).toEqual(Int32Array.of(0, 1, 3, 4, 1, 2, 4, 5))
})

test('ceil mode adds a window that reaches beyond the input, but none that starts there', () => {
  expect(windows(geometry({ inputSizes: [4], kernel: [2], strides: [3], ceilMode: true }))).toEqual({
    outputSizes: [2],
    taps: Int32Array.of(0, 1, 3, -1),
  })
  expect(
    windows(geometry({ inputSizes: [3], kernel: [1], strides: [3], pads: [0, 1], ceilMode: true })).outputSizes,
  ).toEqual([1])
})

test('inverted taps name every tap of each input', () => {
  expect(invertTaps(Int32Array.of(-1, 0, 2, 0, 2, 2), 4)).toEqual({
    slots: Int32Array.of(1, 3, -1, -1, -1, -1, 2, 4, 5, -1, -1, -1),
    width: 3,
  })
})
