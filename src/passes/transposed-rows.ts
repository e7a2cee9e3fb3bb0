import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, type GraphNode, type Tensor } from '../graph/graph.js'
import { describeConvolution } from '../operators/conv.js'
import { type Convolution, emitTransposedConvolution } from '../operators/convolution.js'
import { emitReshaped } from '../operators/lines.js'
import type { LinearRules, RowContext, Tiles } from '../operators/operator.js'
import { sampleShape } from '../operators/samples.js'
import { emitSeedProduct, type SeedRows } from './seed.js'

// Above this it takes too long to make a matrix of a convolution.
const largestMatrix = 2 ** 19
// Above this it takes too long to make a matrix of a dense layer.
const largestDense = 2 ** 21

/**
 * Wᵀ times the rows, in the way that is fastest for many rows. In crops W is so small that one product with it as a
 * matrix is faster than a convolution. After a pool over tiles the coefficients need not be put in place first.
 */
export function emitTranspose(
  node: GraphNode,
  linear: LinearRules,
  gradients: readonly (string | undefined)[],
  tiles: Tiles | undefined,
  context: RowContext,
  seed?: SeedRows,
): (string | undefined)[] {
  const { builder } = context
  if (seed && node.operator === 'Gemm') {
    const [from, to] = [node.inputs[0], node.outputs[0]].map((value) => sampleShape(value, node, context))
    const inputs = elementCount(from)
    if (inputs * elementCount(to) <= largestDense) {
      const matrix = emitMatrix((value) => linear.transpose(node, [value], context)[0]!, inputs, to, context)
      return [emitSeedProduct(seed, matrix, [elementCount(to), inputs], builder)]
    }
  }
  const [input, output] = [node.inputs[0], node.outputs[0]]
  const isConvolution = node.operator === 'Conv' || node.operator === 'AveragePool'
  if (!isConvolution) return linear.transpose(node, gradients, context)
  const inputShape = sampleShape(input, node, context)
  const tiled = tiles && tiledConvolution(node, tiles, context)
  const outputShape = tiled?.outputShape ?? sampleShape(output, node, context)
  const gradient = tiled ? builder.add('Reshape', [tiles.perElement, builder.ints([0, ...outputShape])]) : gradients[0]!
  const transpose = (value: string) => {
    if (!tiled) return linear.transpose(node, [value], context)[0]!
    return emitTransposedConvolution(value, tiled.weights, undefined, tiled.convolution, builder)
  }
  const [inputs, outputs] = [inputShape, outputShape].map(elementCount)
  if (!context.isCrop || inputs * outputs > largestMatrix) return [transpose(gradient)]
  if (!seed && !isFasterAsMatrix(node, inputShape, outputShape, tiled, context)) return [transpose(gradient)]
  const matrix = emitMatrix(transpose, inputs, outputShape, context)
  const flat = builder.add('Reshape', [gradient, builder.ints([-1, outputs])])
  const product = seed
    ? emitSeedProduct(seed, matrix, [outputs, inputs], builder)
    : builder.add('MatMul', [flat, matrix])
  return [emitReshaped(product, [-1, ...inputShape], builder)]
}

/**
 * Measured on the CPU: a convolution does a product in twice the time of a matrix, and needs as much as 30 000 products
 * more for each row.
 */
function isFasterAsMatrix(
  node: GraphNode,
  [channels, ...sizes]: readonly number[],
  outputShape: readonly number[],
  tiled: TiledConvolution | undefined,
  context: RowContext,
): boolean {
  const outputs = elementCount(outputShape)
  const kernel = tiled?.convolution.geometry.kernel ?? context.constant(node.inputs[1])?.shape.slice(2)
  if (!kernel) return true
  return outputs * channels * elementCount(sizes) < 2 * outputs * channels * elementCount(kernel) + 30_000
}

/** A linear map of rows as a matrix [outputs, inputs]; onnxruntime folds it into a constant. */
function emitMatrix(
  transpose: (value: string) => string,
  inputs: number,
  outputShape: readonly number[],
  { builder }: RowContext,
): string {
  const outputs = elementCount(outputShape)
  const identity = emitIdentity(outputs, outputShape, builder)
  return builder.add('Reshape', [transpose(identity), builder.ints([outputs, inputs])])
}

/** An identity matrix with its columns in a shape; onnxruntime folds it into a constant. */
export function emitIdentity(size: number, shape: readonly number[], builder: GraphBuilder): string {
  const zeros = builder.add('Expand', [builder.scalar(0), builder.ints([size, size])])
  return builder.add('Reshape', [builder.add('EyeLike', [zeros]), builder.ints([size, ...shape])])
}

interface TiledConvolution {
  readonly convolution: Convolution
  readonly weights: string
  readonly outputShape: readonly number[]
}

/**
 * A convolution and the tiles after it as one convolution with larger steps, which has a channel for every element of a
 * tile: a kernel that is moved by the position of that element.
 */
function tiledConvolution(node: GraphNode, { kernel: tile }: Tiles, context: RowContext): TiledConvolution | undefined {
  if (node.operator !== 'Conv') return undefined
  const convolution = describeConvolution(node, context)
  const { geometry, group, outputChannels } = convolution
  if (group !== 1 || [...geometry.strides, ...geometry.dilations].some((size) => size !== 1)) return undefined
  const elements = elementCount(tile)
  const kernel = geometry.kernel.map((size, axis) => size + tile[axis] - 1)
  const [, ...outputSizes] = sampleShape(node.outputs[0], node, context)
  const weights = movedKernels(context.constant(node.inputs[1])!, tile, kernel)
  return {
    convolution: {
      ...convolution,
      geometry: { ...geometry, kernel, strides: tile },
      outputChannels: elements * outputChannels,
    },
    weights: context.builder.floats(weights.data, weights.shape),
    outputShape: [elements * outputChannels, ...outputSizes.map((size, axis) => size / tile[axis])],
  }
}

function movedKernels({ data, shape }: Tensor, tile: readonly number[], kernel: readonly number[]) {
  const [outputs, inputs, ...sizes] = shape
  const [small, large, copies] = [sizes, kernel, tile].map(elementCount)
  const moved = new Float64Array(copies * outputs * inputs * large)
  for (let copy = 0; copy < copies; copy++) {
    const offset = unravel(copy, tile)
    const places = Array.from({ length: small }, (_, element) =>
      unravel(element, sizes).reduce((flat, at, axis) => flat * kernel[axis] + at + offset[axis], 0),
    )
    for (let index = 0; index < data.length; index++) {
      const channel = copy * outputs * inputs + Math.floor(index / small)
      moved[channel * large + places[index % small]] = Number(data[index])
    }
  }
  return { data: moved, shape: [copies * outputs, inputs, ...kernel] }
}

/** The position along each axis of a flat position. */
export function unravel(flat: number, sizes: readonly number[]): number[] {
  const index: number[] = []
  let rest = flat
  for (const size of sizes.toReversed()) {
    index.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return index
}
