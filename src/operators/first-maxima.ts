import { elementCount } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import type { DerivativeContext } from './operator.js'
import { emitFromTaps, emitTaps } from './taps.js'
import { type WindowGeometry, windows } from './windows.js'

/** Knows which input position each pooling window has its maximum at: the first one in row-major order. */
export interface FirstMaxima {
  /** Carries a number per window to the position of its maximum; windows with the same one add up. */
  toInput(perWindow: string): string
  /** Reads a number per input position at the maximum of each window. */
  toOutput(perPosition: string): string
}

/**
 * Windows of any geometry. `values` is [samples, channels, ...inputSizes] in the built graph, `maxima` are the values of
 * the windows.
 */
export function firstMaxima(
  values: string,
  maxima: string,
  channels: number,
  geometry: WindowGeometry,
  context: DerivativeContext,
): FirstMaxima {
  const { builder } = context
  const { inputSizes } = geometry
  const { outputSizes, taps } = windows(geometry)
  const [inputs, outputs, elements] = [inputSizes, outputSizes, geometry.kernel].map(elementCount)
  const tapsByElement = taps.map((_, index) => taps[(index % outputs) * elements + Math.floor(index / outputs)])

  // Channels go last: onnxruntime gathers contiguous slices several times faster than single numbers.
  const channelsLast = (value: string, count: number) =>
    builder.add('Transpose', [builder.add('Reshape', [value, builder.ints([0, channels, count])])], { perm: [0, 2, 1] })
  const channelsFirst = (value: string, sizes: readonly number[]) =>
    builder.add('Reshape', [
      builder.add('Transpose', [value], { perm: [0, 2, 1] }),
      builder.ints([0, channels, ...sizes]),
    ])
  /** [.., kernel elements, windows, channels] */
  const underWindows = (value: string, padding: number) =>
    emitTaps(channelsLast(value, inputs), 1, 3, tapsByElement, [elements, outputs], builder, padding)

  const candidates = underWindows(values, Number.NEGATIVE_INFINITY)
  const overElements = (value: string) => builder.add('Unsqueeze', [channelsLast(value, outputs), builder.ints([1])])
  // The maxima of each window get numbers that fall in row-major order, so that the largest number is the first's.
  // ArgMax would tell it too, but WebGPU has no kernels for comparing the integers that it gives.
  const isMaximum = asNumber(builder.add('Equal', [candidates, overElements(maxima)]), builder)
  const numbers = builder.floats(
    Float64Array.from({ length: elements }, (_, element) => elements - element),
    [elements, 1, 1],
  )
  const numbered = builder.add('Mul', [isMaximum, numbers])
  const largest = builder.add('ReduceMax', [numbered, builder.ints([1])])
  const selected = context.rows(asNumber(builder.add('Equal', [numbered, largest]), builder))

  return {
    toInput(perWindow) {
      const product = builder.add('Mul', [overElements(perWindow), selected])
      const flat = builder.add('Reshape', [product, builder.ints([0, elements * outputs, channels])])
      return channelsFirst(emitFromTaps(flat, 1, 3, tapsByElement, inputs, builder), inputSizes)
    },

    toOutput(perPosition) {
      const product = builder.add('Mul', [underWindows(perPosition, 0), selected])
      return channelsFirst(builder.add('ReduceSum', [product, builder.ints([1])], { keepdims: 0 }), outputSizes)
    },
  }
}

/**
 * The same for windows that cover the input without overlap, gaps or padding, in float32.
 * The Indices output of MaxPool would tell the positions, but it makes onnxruntime give up its fast layout of
 * convolutions for the whole graph.
 */
export function firstMaximaOfTiles(
  values: string,
  maxima: string,
  channels: number,
  { inputSizes, kernel }: WindowGeometry,
  context: DerivativeContext,
): FirstMaxima {
  const { builder } = context
  const outputSizes = inputSizes.map((size, axis) => size / kernel[axis])
  const scales = builder.floats([1, 1, ...kernel])
  const upsample = (value: string) =>
    builder.add('Resize', [value, '', scales], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    })

  // Numbered as above.
  const isMaximum = asNumber(builder.add('Equal', [values, upsample(maxima)]), builder)
  const numbers = builder.floats(fallingNumbers(inputSizes, kernel), [1, 1, ...inputSizes])
  const numbered = builder.add('Mul', [isMaximum, numbers])
  const largest = builder.add('MaxPool', [numbered], { kernel_shape: kernel, strides: kernel })
  const selected = context.rows(asNumber(builder.add('Equal', [numbered, upsample(largest)]), builder))

  return {
    toInput: (perWindow) => builder.add('Mul', [upsample(perWindow), selected]),

    toOutput(perPosition) {
      const product = builder.add('Mul', [perPosition, selected])
      const split = inputSizes.flatMap((_, axis) => [outputSizes[axis], kernel[axis]])
      const tiles = builder.add('Reshape', [product, builder.ints([0, channels, ...split])])
      const withinTile = kernel.map((_, axis) => 2 * axis + 3)
      return builder.add('ReduceSum', [tiles, builder.ints(withinTile)], { keepdims: 0 })
    },
  }
}

/** For each input position, how many kernel elements of its window come from it on. */
function fallingNumbers(inputSizes: readonly number[], kernel: readonly number[]): Float64Array {
  return new Float64Array(elementCount(inputSizes)).map((_, index) => {
    let [element, rest, stride] = [0, index, 1]
    for (let axis = kernel.length - 1; axis >= 0; axis--) {
      element += ((rest % inputSizes[axis]) % kernel[axis]) * stride
      rest = Math.floor(rest / inputSizes[axis])
      stride *= kernel[axis]
    }
    return elementCount(kernel) - element
  })
}
