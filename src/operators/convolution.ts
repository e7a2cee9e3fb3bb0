import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, type Tensor } from '../graph/graph.js'
import { emitFromTaps, emitTaps } from './taps.js'
import { extent, type WindowGeometry, windowOutputSizes, windows } from './windows.js'

/** A convolution and, read backwards, its transpose: both sides and the weights [outputs, inputs / group, ...kernel]. */
export interface Convolution {
  readonly geometry: WindowGeometry
  readonly inputChannels: number
  readonly outputChannels: number
  readonly group: number
}

/** Convolves; in float64, where onnxruntime has no kernel for it, as a matrix product over gathered windows. */
export function emitConvolution(
  input: string,
  weight: string,
  bias: string | undefined,
  convolution: Convolution,
  builder: GraphBuilder,
): string {
  const { geometry, inputChannels, outputChannels, group } = convolution
  if (builder.precision === 'float32') {
    const inputs = bias === undefined ? [input, weight] : [input, weight, bias]
    return builder.add('Conv', inputs, { ...windowAttributes(geometry), group })
  }
  const elements = elementCount(geometry.kernel)
  const { outputSizes, taps } = windows(geometry)
  const outputs = elementCount(outputSizes)
  const flat = builder.add('Reshape', [input, builder.ints([0, inputChannels, elementCount(geometry.inputSizes)])])
  const columns = emitTaps(flat, 2, swap(taps, outputs, elements), [elements, outputs], builder)
  const width = (inputChannels / group) * elements
  const grouped = builder.add('Reshape', [columns, builder.ints([0, group, width, outputs])])
  const rows = builder.add('Reshape', [weight, builder.ints([group, outputChannels / group, width])])
  const product = builder.add('MatMul', [rows, grouped])
  return addBias(
    builder.add('Reshape', [product, builder.ints([0, outputChannels, ...outputSizes])]),
    bias,
    geometry,
    builder,
  )
}

/** The transpose of {@link emitConvolution}: from the outputs of the convolution back to its inputs. */
export function emitTransposedConvolution(
  output: string,
  weight: string,
  bias: string | undefined,
  convolution: Convolution,
  builder: GraphBuilder,
): string {
  const { geometry, inputChannels, outputChannels, group } = convolution
  if (builder.precision === 'float32') {
    const inputs = bias === undefined ? [output, weight] : [output, weight, bias]
    const { pads, remainder } = exactFit(geometry)
    return builder.add('ConvTranspose', inputs, {
      ...windowAttributes({ ...geometry, pads }),
      group,
      output_padding: remainder,
    })
  }
  const elements = elementCount(geometry.kernel)
  const { outputSizes, taps } = windows(geometry)
  const outputs = elementCount(outputSizes)
  const inputs = elementCount(geometry.inputSizes)
  const width = (inputChannels / group) * elements
  const grouped = builder.add('Reshape', [output, builder.ints([0, group, outputChannels / group, outputs])])
  const rows = builder.add('Reshape', [weight, builder.ints([group, outputChannels / group, width])])
  const columns = builder.add('MatMul', [builder.add('Transpose', [rows], { perm: [0, 2, 1] }), grouped])
  const flat = builder.add('Reshape', [columns, builder.ints([0, inputChannels, elements * outputs])])
  const summed = emitFromTaps(flat, 2, swap(taps, outputs, elements), inputs, builder)
  return addBias(
    builder.add('Reshape', [summed, builder.ints([0, inputChannels, ...geometry.inputSizes])]),
    bias,
    geometry,
    builder,
  )
}

/** The transpose of a convolution of stride 1 as a convolution: geometry for {@link flipWeights}. */
export function flippedConvolution(convolution: Convolution): Convolution | undefined {
  const { geometry, inputChannels, outputChannels, group } = convolution
  const { kernel, strides, dilations } = geometry
  if (strides.some((stride) => stride !== 1)) return undefined
  const pads = geometry.pads.map((pad, index) => {
    const axis = index % kernel.length
    return extent(kernel[axis], dilations[axis]) - 1 - pad
  })
  if (pads.some((pad) => pad < 0)) return undefined
  return {
    geometry: { ...geometry, inputSizes: windowOutputSizes(geometry), pads },
    inputChannels: outputChannels,
    outputChannels: inputChannels,
    group,
  }
}

/** Weights [outputs, inputs / group, ...kernel] with both channel axes exchanged and the kernel reversed. */
export function flipWeights({ shape, data }: Tensor, group: number): { shape: number[]; data: Float64Array } {
  const [outputs, inputs, ...kernel] = shape
  const elements = elementCount(kernel)
  const perGroup = outputs / group
  const flipped = new Float64Array(data.length)
  for (let output = 0; output < outputs; output++) {
    const part = Math.floor(output / perGroup)
    for (let input = 0; input < inputs; input++) {
      const from = (output * inputs + input) * elements
      const to = ((part * inputs + input) * perGroup + (output % perGroup)) * elements
      for (let element = 0; element < elements; element++) {
        flipped[to + elements - 1 - element] = Number(data[from + element])
      }
    }
  }
  return { shape: [inputs * group, perGroup, ...kernel], data: flipped }
}

/**
 * Pads with which the last window ends inside the padded input (windows of ceil mode may reach beyond), and the number
 * of positions behind it that no window reaches.
 */
function exactFit(geometry: WindowGeometry): { pads: readonly number[]; remainder: readonly number[] } {
  const { inputSizes, kernel, strides, pads, dilations } = geometry
  const rank = inputSizes.length
  const remainder = windowOutputSizes(geometry).map((outputs, axis) => {
    const padded = inputSizes[axis] + pads[axis] + pads[axis + rank]
    return padded - (outputs - 1) * strides[axis] - extent(kernel[axis], dilations[axis])
  })
  return {
    pads: pads.map((pad, index) => (index < rank ? pad : pad + Math.max(0, -remainder[index - rank]))),
    remainder: remainder.map((size) => Math.max(0, size)),
  }
}

function windowAttributes({ kernel, strides, pads, dilations }: WindowGeometry) {
  return { kernel_shape: kernel, strides, pads, dilations }
}

function addBias(value: string, bias: string | undefined, { kernel }: WindowGeometry, builder: GraphBuilder): string {
  if (bias === undefined) return value
  return builder.add('Add', [value, builder.add('Reshape', [bias, builder.ints([-1, ...kernel.map(() => 1)])])])
}

/** Exchanges the axes of a matrix. */
function swap(matrix: Int32Array, rows: number, columns: number): Int32Array {
  const swapped = new Int32Array(matrix.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) swapped[column * rows + row] = matrix[row * columns + column]
  }
  return swapped
}
