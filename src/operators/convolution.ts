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
    const { pads } = exactFit(geometry)
    return builder.add('Conv', inputs, { ...windowAttributes({ ...geometry, pads }), group })
  }
  const { outputSizes, taps } = windows(geometry)
  const [outputs, elements] = [elementCount(outputSizes), elementCount(geometry.kernel)]
  const reshape = (value: string, shape: readonly number[]) => builder.add('Reshape', [value, builder.ints(shape)])
  const flat = reshape(input, [0, inputChannels, elementCount(geometry.inputSizes)])
  const gathered = emitTaps(flat, 2, 3, taps, [outputs, elements], builder)
  const perGroup = reshape(gathered, [0, group, inputChannels / group, outputs, elements])
  // Groups go first: MatMul cannot broadcast weights over a batch of no rows.
  const grouped = builder.add('Transpose', [perGroup], { perm: [1, 0, 3, 2, 4] })
  const width = (inputChannels / group) * elements
  const weights = reshape(weight, [group, outputChannels / group, width])
  const columns = builder.add('Transpose', [weights], { perm: [0, 2, 1] })
  const product = builder.add('MatMul', [reshape(grouped, [group, -1, width]), columns])
  const separated = reshape(product, [group, -1, outputs, outputChannels / group])
  const rows = builder.add('Transpose', [separated], { perm: [1, 0, 3, 2] })
  return addBias(reshape(rows, [0, outputChannels, ...outputSizes]), bias, geometry, builder)
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
  const { outputSizes, taps } = windows(geometry)
  const [outputs, elements] = [elementCount(outputSizes), elementCount(geometry.kernel)]
  const reshape = (value: string, shape: readonly number[]) => builder.add('Reshape', [value, builder.ints(shape)])
  const perGroup = reshape(output, [0, group, outputChannels / group, outputs])
  const grouped = builder.add('Transpose', [perGroup], { perm: [1, 0, 3, 2] })
  const weights = reshape(weight, [group, outputChannels / group, (inputChannels / group) * elements])
  const product = builder.add('MatMul', [reshape(grouped, [group, -1, outputChannels / group]), weights])
  const separated = reshape(product, [group, -1, outputs, inputChannels / group, elements])
  const rows = builder.add('Transpose', [separated], { perm: [1, 0, 3, 2, 4] })
  const perTap = reshape(rows, [0, inputChannels, outputs * elements])
  const summed = emitFromTaps(perTap, 2, 3, taps, elementCount(geometry.inputSizes), builder)
  return addBias(reshape(summed, [0, inputChannels, ...geometry.inputSizes]), bias, geometry, builder)
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
