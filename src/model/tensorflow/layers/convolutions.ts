import { activate } from './activations.js'
import { type LayerContext, type LayerRule, UntranslatableError, type Weights } from './layer.js'
import { channelsFirst, type Value } from './value.js'

/** Windows that slide over the spatial axes. */
export interface Sliding {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
}

/**
 * Padding in ONNX's order: of `same` as TensorFlow has it, where the end gets the odd one, or as listed.
 * @throws UntranslatableError for other paddings than these and `valid`.
 */
export function pads(config: LayerContext['config'], input: Value, { kernel, strides, dilations }: Sliding): number[] {
  if (Array.isArray(config.padding)) return config.padding
  if (config.padding === 'valid') return kernel.flatMap(() => [0, 0])
  if (config.padding !== 'same')
    throw new UntranslatableError(`its padding ${String(config.padding)} has no translation`)
  const totals = kernel.map((size, axis) => {
    const length = input.shape[axis]
    const outputs = Math.ceil(length / strides[axis])
    return Math.max(0, (outputs - 1) * strides[axis] + (size - 1) * dilations[axis] + 1 - length)
  })
  return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))]
}

/** One number for each spatial axis. */
export function perAxis(value: unknown, rank: number, fallback: number): number[] {
  if (value === undefined || value === null) return Array<number>(rank).fill(fallback)
  const values = (Array.isArray(value) ? value : [value]) as number[]
  return Array.from({ length: rank }, (_, axis) => values[axis] ?? values[0])
}

export function refuseChannelsFirst({ dataFormat }: LayerContext['config']): void {
  if (dataFormat === 'channelsFirst') throw new UntranslatableError('its channels come first')
}

/** Moves the last two axes of a kernel to the front, in the order given. */
export function kernelFirst({ data, shape }: Weights, order: 'output, input' | 'input, output'): Weights {
  const [inputs, outputs] = shape.slice(-2)
  const taps = data.length / (inputs * outputs)
  const [outer, inner] = order === 'output, input' ? [outputs, inputs] : [inputs, outputs]
  const moved = new Float32Array(data.length)
  for (let tap = 0; tap < taps; tap++) {
    for (let input = 0; input < inputs; input++) {
      for (let output = 0; output < outputs; output++) {
        const [first, second] = order === 'output, input' ? [output, input] : [input, output]
        moved[(first * inner + second) * taps + tap] = data[(tap * inputs + input) * outputs + output]
      }
    }
  }
  return { data: moved, shape: [outer, inner, ...shape.slice(0, -2)] }
}

function convolve(layer: LayerContext, kernel: Weights, bias: Weights | undefined): Value {
  refuseChannelsFirst(layer.config)
  const { builder, inputs, outputShape } = layer
  const { data, shape } = kernelFirst(kernel, 'output, input')
  const operands = [channelsFirst(builder, inputs[0]), builder.floats(data, shape)]
  if (bias) operands.push(builder.floats(bias.data))
  return { shape: outputShape, first: builder.add('Conv', operands, attributes(layer, kernel)) }
}

function attributes({ config, inputs }: LayerContext, { shape }: Weights) {
  const kernel = shape.slice(0, -2)
  const strides = perAxis(config.strides, kernel.length, 1)
  const dilations = perAxis(config.dilationRate, kernel.length, 1)
  const windows = { kernel, strides, dilations }
  return { kernel_shape: kernel, strides, dilations, pads: pads(config, inputs[0], windows) }
}

/** Every channel on its own: [..., channels, multiplier] to [channels · multiplier, 1, ...]. */
function convolveDepthwise(layer: LayerContext, kernel: Weights, bias: Weights | undefined): Value {
  refuseChannelsFirst(layer.config)
  const { builder, inputs } = layer
  const [channels, multiplier] = kernel.shape.slice(-2)
  const { data, shape } = kernelFirst(kernel, 'input, output')
  const operands = [
    channelsFirst(builder, inputs[0]),
    builder.floats(data, [channels * multiplier, 1, ...shape.slice(2)]),
  ]
  if (bias) operands.push(builder.floats(bias.data))
  const all = attributes(layer, kernel)
  const rank = all.kernel_shape.length
  const sizes = all.kernel_shape.map((size, axis) => {
    const padded = inputs[0].shape[axis] + all.pads[axis] + all.pads[axis + rank]
    return Math.floor((padded - (size - 1) * all.dilations[axis] - 1) / all.strides[axis]) + 1
  })
  return { shape: [...sizes, channels * multiplier], first: builder.add('Conv', operands, { ...all, group: channels }) }
}

/** The transpose of the convolution from the output to the input; its kernel is [..., outputs, inputs]. */
function convolveTransposed(layer: LayerContext, kernel: Weights, bias: Weights | undefined): Value {
  refuseChannelsFirst(layer.config)
  const { builder, config, inputs, outputShape } = layer
  const { data, shape } = kernelFirst(kernel, 'output, input')
  const operands = [channelsFirst(builder, inputs[0]), builder.floats(data, shape)]
  if (bias) operands.push(builder.floats(bias.data))
  const sizes = kernel.shape.slice(0, -2)
  const strides = perAxis(config.strides, sizes.length, 1)
  // TensorFlow.js reads no dilations here.
  const windows = { kernel: sizes, strides, dilations: sizes.map(() => 1) }
  const padding = pads(config, { shape: outputShape }, windows)
  const missed = sizes.map((size, axis) => {
    const reached = (inputs[0].shape[axis] - 1) * strides[axis] + size
    return outputShape[axis] - (reached - padding[axis] - padding[axis + sizes.length])
  })
  const settings = { kernel_shape: sizes, strides, pads: padding, output_padding: missed }
  return { shape: outputShape, first: builder.add('ConvTranspose', operands, settings) }
}

const activated = (layer: LayerContext, value: Value) => activate(layer.builder, value, layer.config.activation)

const convolution: LayerRule = (layer) => activated(layer, convolve(layer, layer.weights[0], layer.weights[1]))

export const convolutionLayers: Readonly<Record<string, LayerRule>> = {
  Conv1D: convolution,
  Conv2D: convolution,

  Conv2DTranspose: (layer) => activated(layer, convolveTransposed(layer, layer.weights[0], layer.weights[1])),

  DepthwiseConv2D: (layer) => activated(layer, convolveDepthwise(layer, layer.weights[0], layer.weights[1])),

  /** A depthwise convolution, and one of size 1 that mixes the channels. */
  SeparableConv2D(layer) {
    const [depthwise, pointwise, bias] = layer.weights
    const channels = convolveDepthwise(layer, depthwise, undefined)
    const config = { ...layer.config, strides: 1, dilationRate: 1 }
    return activated(layer, convolve({ ...layer, config, inputs: [channels] }, pointwise, bias))
  },
}
