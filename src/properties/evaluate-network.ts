import { range } from '../sampling/rows.js'
import type { Activation, Network, NetworkLayer } from './network.js'

type Layer<Kind extends NetworkLayer['layer']> = Extract<NetworkLayer, { layer: Kind }>

/** One sample's values, row-major: [features] or [channels, height, width]. */
export interface LayerValue {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}

/**
 * The value behind every layer, the logits last, in float64: without a session, which costs a thousand times as much as a
 * network of a few units. Only a run of the model itself decides what an input is classified as.
 */
export function layerValues({ inputShape, layers }: Network, input: ArrayLike<number>): LayerValue[] {
  const values: LayerValue[] = []
  let value: LayerValue = { shape: inputShape, data: input }
  for (const layer of layers) {
    value = apply(layer, value)
    values.push(value)
  }
  return values
}

export function logitsOf(network: Network, input: ArrayLike<number>): ArrayLike<number> {
  return layerValues(network, input).at(-1)!.data
}

export function classOf(network: Network, input: ArrayLike<number>): number {
  const logits = Array.from(logitsOf(network, input))
  return logits.indexOf(Math.max(...logits))
}

function apply(layer: NetworkLayer, value: LayerValue): LayerValue {
  switch (layer.layer) {
    case 'dense':
      return dense(layer, value)
    case 'convolution':
      return convolution(layer, value)
    case 'activation':
      return elementwise(value, activation[layer.operator])
    case 'pool':
      return pool(layer, value)
    case 'batch normalization': {
      const { scale, bias, mean, variance } = layer
      const roots = variance.map((channel) => Math.sqrt(channel + 1e-5))
      return elementwise(value, (element, channel) => {
        return (scale[channel] * (element - mean[channel])) / roots[channel] + bias[channel]
      })
    }
    case 'local response normalization':
      return localResponseNormalization(layer, value)
  }
}

const activation: Record<Activation, (value: number) => number> = {
  Relu: (value) => Math.max(value, 0),
  LeakyRelu: (value) => (value < 0 ? 0.01 * value : value),
  Sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  Tanh: Math.tanh,
}

function elementwise({ shape, data }: LayerValue, map: (element: number, channel: number) => number): LayerValue {
  const perChannel = shape.slice(1).reduce((product, size) => product * size, 1)
  return { shape, data: Float64Array.from(data, (element, at) => map(element, Math.floor(at / perChannel))) }
}

function dense({ weights, bias }: Layer<'dense'>, { data }: LayerValue): LayerValue {
  const outputs = weights.map((row, unit) => row.reduce((sum, weight, at) => sum + weight * data[at], bias[unit]))
  return { shape: [outputs.length], data: outputs }
}

function convolution(layer: Layer<'convolution'>, value: LayerValue): LayerValue {
  const { weights, bias, stride, padding, dilation, groups } = layer
  const kernel = [weights[0][0].length, weights[0][0][0].length]
  const [inputsPerGroup, outputsPerGroup] = [weights[0].length, weights.length / groups]
  const windows = slide(value.shape, { kernel, stride, padding, dilation })
  const data = weights.flatMap((kernels, output) => {
    const first = Math.floor(output / outputsPerGroup) * inputsPerGroup
    return windows.places.map((taps) => {
      let sum = bias[output]
      for (let channel = 0; channel < inputsPerGroup; channel++) {
        const offset = (first + channel) * windows.perChannel
        for (const { row, column, at } of taps) sum += kernels[channel][row][column] * value.data[offset + at]
      }
      return sum
    })
  })
  return { shape: [weights.length, ...windows.counts], data }
}

function pool({ operator, kernel, stride, padding }: Layer<'pool'>, { shape, data }: LayerValue): LayerValue {
  const windows = slide(shape, { kernel: [kernel, kernel], stride, padding, dilation: 1 })
  const pooled = range(shape[0]).flatMap((channel) =>
    windows.places.map((taps) => {
      const elements = taps.map(({ at }) => data[channel * windows.perChannel + at])
      if (operator === 'MaxPool') return Math.max(...elements)
      if (operator === 'LpPool') return Math.hypot(...elements)
      return elements.reduce((sum, element) => sum + element, 0) / elements.length
    }),
  )
  return { shape: [shape[0], ...windows.counts], data: pooled }
}

interface Window {
  readonly kernel: readonly number[]
  readonly stride: number
  readonly padding: number
  readonly dilation: number
}

interface Places {
  /** Rows and columns of windows. */
  readonly counts: readonly number[]
  readonly perChannel: number
  /** Of each window, the places in the kernel and in the image, without those in the padding. */
  readonly places: readonly (readonly { row: number; column: number; at: number }[])[]
}

const known = new Map<string, Places>()

function slide([, height, width]: readonly number[], window: Window): Places {
  const key = JSON.stringify([height, width, window])
  const found = known.get(key)
  if (found) return found
  const { kernel, stride, padding, dilation } = window
  const counts = [height, width].map((side, axis) => {
    return Math.floor((side + 2 * padding - dilation * (kernel[axis] - 1) - 1) / stride) + 1
  })
  const inside = (side: number, start: number, taps: number) =>
    range(taps).flatMap((tap) => {
      const at = start * stride - padding + dilation * tap
      return at >= 0 && at < side ? [{ tap, at }] : []
    })
  const places = range(counts[0] * counts[1]).map((place) =>
    inside(height, Math.floor(place / counts[1]), kernel[0]).flatMap((row) =>
      inside(width, place % counts[1], kernel[1]).map((column) => {
        return { row: row.tap, column: column.tap, at: row.at * width + column.at }
      }),
    ),
  )
  const made = { counts, perChannel: height * width, places }
  known.set(key, made)
  return made
}

function localResponseNormalization(
  { size, alpha, beta, bias }: Layer<'local response normalization'>,
  value: LayerValue,
): LayerValue {
  const [channels, height, width] = value.shape
  const perChannel = height * width
  const data = Float64Array.from(value.data, (element, at) => {
    const channel = Math.floor(at / perChannel)
    const first = Math.max(0, channel - Math.floor((size - 1) / 2))
    const last = Math.min(channels - 1, channel + Math.ceil((size - 1) / 2))
    const squares = range(last - first + 1).map(
      (other) => value.data[(first + other) * perChannel + (at % perChannel)] ** 2,
    )
    return element / (bias + (alpha / size) * squares.reduce((sum, square) => sum + square, 0)) ** beta
  })
  return { shape: value.shape, data }
}
