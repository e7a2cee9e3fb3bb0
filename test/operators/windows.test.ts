import { expect, test } from 'vitest'
import { type AttributeValue, GraphBuilder } from '../../src/graph/builder.js'
import { invertTaps, type WindowGeometry, windowGeometry, windows } from '../../src/operators/windows.js'

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

test.for<[string, Record<string, AttributeValue>]>([
  ['auto_pad crops its input', { kernel_shape: [1], strides: [3], auto_pad: 'SAME_UPPER' }],
  ['it has both auto_pad and dilations', { kernel_shape: [2], dilations: [2], auto_pad: 'SAME_LOWER' }],
  ['its windows are larger than the padded input', { kernel_shape: [3], dilations: [5] }],
])('windows that runtimes disagree about are refused: %s', ([reason, attributes]) => {
  const builder = new GraphBuilder(18)
  builder.output('output', builder.add('MaxPool', [builder.input('input')], attributes))
  const [node] = builder.build().nodes
  expect(() => windowGeometry(node, [9], attributes.kernel_shape as number[])).toThrow(reason)
})

test('a stride that is one larger than the window needs no padding', () => {
  const builder = new GraphBuilder(18)
  const attributes = { kernel_shape: [1], strides: [2], auto_pad: 'SAME_UPPER' }
  builder.output('output', builder.add('MaxPool', [builder.input('input')], attributes))
  expect(windowGeometry(builder.build().nodes[0], [8], [1]).pads).toEqual([0, 0])
})

test('inverted taps name every tap of each input', () => {
  expect(invertTaps(Int32Array.of(-1, 0, 2, 0, 2, 2), 4)).toEqual({
    slots: Int32Array.of(1, 3, -1, -1, -1, -1, 2, 4, 5, -1, -1, -1),
    width: 3,
  })
})
