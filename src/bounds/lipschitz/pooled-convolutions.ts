import type { Budget } from '../../budget.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type Graph, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { describeConvolution } from '../../operators/conv.js'
import { type Convolution, emitConvolution, emitTransposedConvolution } from '../../operators/convolution.js'
import type { RuleContext } from '../../operators/operator.js'
import { type WindowGeometry, windowOutputSizes } from '../../operators/windows.js'
import { ruleContext } from '../../passes/context.js'
import { randomSource } from '../../sampling/random.js'
import { range } from '../../sampling/rows.js'
import { convolutionNorm, isSmall, writtenOutNorm } from './convolution-norm.js'
import { poolGeometry } from './nonlinear-rules.js'
import { formsOf, maximumRoots, tileSize } from './tile-forms.js'

/** A max pool that picks from what a convolution gives, with Relus between them or not. */
export interface PooledConvolution {
  /** What the convolution reads, and what it gives. */
  readonly input: string
  readonly output: string
  /** In ℓ2, the outputs of the pool move by at most so many times what the input does, rounding aside. */
  readonly norm: number
  readonly details: TileDetails
}

/** How far elements of tiles move apart. */
export interface TileDetails {
  /** λ of the three differences of each channel. */
  readonly shares: Float64Array
  /** ‖Λ^−½·H·W‖ for the differences alone. */
  readonly norm: number
}

/** Elements of a tile, each by itself. */
const elements = range(tileSize).map((own) => range(tileSize).map((at) => (at === own ? 1 : 0)))

/** Of the Haar basis of 2×2, without the mean, rows of length 1: differences across, down and on the diagonal. */
export const haarDetails = [
  [0.5, -0.5, 0.5, -0.5],
  [0.5, 0.5, -0.5, -0.5],
  [0.5, -0.5, -0.5, 0.5],
]

/**
 * For max pools over tiles of 2×2 behind a convolution W: constants of both together, which are smaller than the product
 * of theirs, as a pool picks one of four neighbours, and those tend to move alike.
 *
 * A maximum moves by s·v when the four elements of its window move by v, for some shares s ≥ 0 that add up to 1. So
 * (s·v)² ≤ max v_i² ≤ vᵀMv for every M whose inverse has a diagonal of ones: eᵢeᵢᵀ ≤ M if eᵢᵀM⁻¹eᵢ ≤ 1. With M = BᵀB for
 * each channel the constant is at most ‖B·W‖, the norm of a convolution with twice the stride and four outputs for each
 * channel. The M are chosen to make it small ({@link maximumRoots}); all choices are valid. A Relu in between might as
 * well come after the pool.
 *
 * Undefined when the budget ends.
 */
export async function pooledConvolutions(
  model: Classifier,
  budget: Budget,
): Promise<ReadonlyMap<GraphNode, PooledConvolution> | undefined> {
  const { graph } = model
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const found = new Map<GraphNode, PooledConvolution>()
  for (const pool of graph.nodes.filter(({ operator }) => operator === 'MaxPool')) {
    const node = convolutionBefore(pool, graph)
    if (!node || !isTiled(poolGeometry(pool, context)) || !context.constant(node.inputs[1])) continue
    const spread = spreadOverTiles(node, elements, context)
    if (!spread || multiplications(spread.convolution) > mostMultiplications) continue
    const norm = await maximumNorm(model, node, spread, budget)
    const apart = spreadOverTiles(node, haarDetails, context)!
    const details = norm === undefined ? undefined : await detailsOf(model, node, apart, budget)
    if (norm === undefined || !details) return undefined
    found.set(pool, { input: node.inputs[0], output: node.outputs[0], norm, details })
  }
  return found
}

/** Weights, forms and shares are rounded in float64. */
const outwards = 1 + 2 ** -36

async function maximumNorm(
  model: Classifier,
  node: GraphNode,
  spread: Spread,
  budget: Budget,
): Promise<number | undefined> {
  const forms = (moments: Float64Array) => formsOf(maximumRoots(moments))
  const moments = await largestMoments(model, node, spread, tileSize, forms, budget)
  if (!moments) return undefined
  const norm = await normOf(model, mixed(spread, maximumRoots(moments)), budget)
  return norm === undefined ? undefined : norm * outwards
}

/** The shares of a spread convolution, and its norm with them. Undefined when the budget ends. */
async function detailsOf(
  model: Classifier,
  node: GraphNode,
  spread: Spread,
  budget: Budget,
): Promise<TileDetails | undefined> {
  const width = haarDetails.length
  const onDiagonal = (values: Float64Array) => {
    const matrices = new Float64Array(values.length * width)
    values.forEach((value, index) => {
      matrices[index * width + (index % width)] = value
    })
    return matrices
  }
  const forms = (moments: Float64Array) => onDiagonal(sharesFor(moments).map((share) => 1 / share))
  const moments = await largestMoments(model, node, spread, width, forms, budget)
  if (!moments) return undefined
  const shares = sharesFor(moments)
  const norm = await normOf(model, mixed(spread, onDiagonal(shares.map((share) => 1 / Math.sqrt(share)))), budget)
  return norm === undefined ? undefined : { shares, norm: norm * outwards }
}

/** Written out as one matrix where that is not too large: the circular grid would add some per cent. */
async function normOf(
  model: Classifier,
  { convolution, weights }: Spread,
  budget: Budget,
): Promise<number | undefined> {
  const { outputChannels } = convolution
  const shape = [outputChannels, weights.length / outputChannels]
  const tensor = { type: 'float64', shape, data: weights } as const
  if (isSmall(convolution)) return (await budget.next()) ? writtenOutNorm(model, convolution, tensor) : undefined
  return convolutionNorm(model, convolution, tensor, budget)
}

/** The outputs of each channel mixed by a matrix. */
function mixed({ convolution, weights }: Spread, matrices: Float64Array): Spread {
  const { outputChannels } = convolution
  const width = matrices.length / outputChannels
  const length = weights.length / outputChannels
  const found = new Float64Array(weights.length)
  for (let output = 0; output < outputChannels; output++) {
    const first = output - (output % width)
    for (let other = 0; other < width; other++) {
      const factor = matrices[output * width + other]
      if (factor === 0) continue
      for (let at = 0; at < length; at++) found[output * length + at] += factor * weights[(first + other) * length + at]
    }
  }
  return { convolution, weights: found }
}

function convolutionBefore(pool: GraphNode, graph: TypedGraph): GraphNode | undefined {
  let value = pool.inputs[0]
  while (true) {
    const node = graph.nodes.find(({ outputs }) => outputs.includes(value))
    if (node?.operator !== 'Relu') return node?.operator === 'Conv' ? node : undefined
    value = node.inputs[0]
  }
}

/** Whether the windows are tiles of 2×2, without padding; at the end of an axis an element may be left out. */
function isTiled({ kernel, strides, pads, dilations, ceilMode }: WindowGeometry): boolean {
  const isTwo = (sizes: readonly number[]) => sizes.length === 2 && sizes.every((size) => size === 2)
  return isTwo(kernel) && isTwo(strides) && dilations.every((size) => size === 1) && !pads.some(Boolean) && !ceilMode
}

interface Spread {
  readonly convolution: Convolution
  readonly weights: Float64Array
}

/** For each channel of a convolution the coefficients that its outputs in each tile have in terms of some vectors. */
function spreadOverTiles(
  node: GraphNode,
  vectors: readonly (readonly number[])[],
  context: RuleContext,
): Spread | undefined {
  const own = describeConvolution(node, context)
  const { kernel, strides, dilations } = own.geometry
  if (kernel.length !== 2 || dilations.some((dilation) => dilation !== 1)) return undefined
  const size = kernel.map((length, axis) => length + strides[axis])
  const convolution: Convolution = {
    ...own,
    geometry: { ...own.geometry, kernel: size, strides: strides.map((stride) => 2 * stride) },
    outputChannels: vectors.length * own.outputChannels,
  }
  const { data } = context.constant(node.inputs[1])!
  const planes = own.inputChannels / own.group
  const weights = new Float64Array(convolution.outputChannels * planes * elementCount(size))
  for (let index = 0; index < data.length; index++) {
    const column = index % kernel[1]
    const row = Math.floor(index / kernel[1]) % kernel[0]
    const plane = Math.floor(index / elementCount(kernel)) % planes
    const channel = Math.floor(index / elementCount(kernel) / planes)
    vectors.forEach((vector, k) => {
      vector.forEach((coefficient, element) => {
        const [down, across] = [Math.floor(element / 2) * strides[0], (element % 2) * strides[1]]
        const at = ((vectors.length * channel + k) * planes + plane) * size[0] + row + down
        weights[at * size[1] + column + across] += coefficient * Number(data[index])
      })
    })
  }
  return { convolution, weights }
}

/** Of larger convolutions, finding shares takes too long. */
const mostMultiplications = 2 ** 24

function multiplications({ geometry, inputChannels, outputChannels, group }: Convolution): number {
  const outputs = elementCount(windowOutputSizes(geometry)) * outputChannels
  return (outputs * elementCount(geometry.kernel) * inputChannels) / group
}

const rounds = 40
const directions = 8
const smallestShare = 1e-3

/**
 * Sums of v·vᵀ over the tiles v of every channel, size×size, in directions in which the operator is large as `forms`
 * measure it. Forms are found from those of all directions so far (Frank and Wolfe's method). Undefined when the budget ends.
 */
async function largestMoments(
  model: Classifier,
  node: GraphNode,
  { convolution, weights }: Spread,
  size: number,
  forms: (moments: Float64Array) => Float64Array,
  budget: Budget,
): Promise<Float64Array | undefined> {
  const { geometry, inputChannels, outputChannels } = convolution
  const compiled = await model.compile(`${size} moments of ${node.outputs[0]}`, () =>
    powerGraph(convolution, weights, size),
  )
  const shape = [directions, inputChannels, ...geometry.inputSizes]
  const random = randomSource(1)
  let points: Float32Array = Float32Array.from({ length: elementCount(shape) }, () => random.normal())
  const moments = Float64Array.from({ length: outputChannels * size }, (_, at) => {
    return at % size === Math.floor(at / size) % size ? 1 : 0
  })
  for (let round = 0; round < rounds; round++) {
    if (!(await budget.next())) return undefined
    const data = Float32Array.from(forms(moments))
    const results = await compiled.run({
      points: { type: 'float32', shape, data: points },
      forms: { type: 'float32', shape: [outputChannels / size, size, size], data },
    })
    points = results.next.data as Float32Array
    const weight = 2 / (round + 2)
    const found = results.moments.data as Float32Array
    found.forEach((moment, at) => {
      moments[at] = (1 - weight) * moments[at] + weight * moment
    })
  }
  return moments
}

/**
 * λ of the differences of every channel that make Σ e_k/λ_k small, where e_k is what they have on the diagonal of their
 * moments: proportional to √e_k, and Σλ_k = 4.
 */
function sharesFor(moments: Float64Array): Float64Array {
  const width = haarDetails.length
  const shares = new Float64Array(moments.length / width)
  for (let first = 0; first < shares.length; first += width) {
    const roots = range(width).map((k) => Math.sqrt(moments[(first + k) * width + k]))
    const sum = roots.reduce((total, root) => total + root, 0)
    roots.forEach((root, k) => {
      shares[first + k] = sum > 0 ? smallestShare + ((4 - width * smallestShare) * root) / sum : 4 / width
    })
  }
  return shares
}

/**
 * Some steps of power iteration: from `points` and the `forms` of every channel to `next`, points of unit length, and
 * `moments` of the outputs there.
 */
function powerGraph(convolution: Convolution, weights: Float64Array, size: number): Graph {
  const builder = new GraphBuilder(17)
  const { geometry, inputChannels, outputChannels, group } = convolution
  const shape = ['points', inputChannels, ...geometry.inputSizes]
  const outputSizes = windowOutputSizes(geometry)
  const channels = outputChannels / size
  const kernels = builder.floats(Float32Array.from(weights), [
    outputChannels,
    inputChannels / group,
    ...geometry.kernel,
  ])
  const forms = builder.input('forms', 'float32', [channels, size, size])
  const byChannel = (value: string) => {
    return builder.add('Reshape', [value, builder.ints([0, channels, size, elementCount(outputSizes)])])
  }
  const unit = (value: string) => {
    const square = builder.add('Mul', [value, value])
    const length = builder.add('Sqrt', [builder.add('ReduceSum', [square, builder.ints([1, 2, 3])], { keepdims: 1 })])
    return builder.add('Div', [value, builder.add('Max', [length, builder.scalar(1e-30)])])
  }
  let point = unit(builder.input('points', 'float32', shape))
  for (let step = 0; step < 3; step++) {
    const image = byChannel(emitConvolution(point, kernels, undefined, convolution, builder))
    const weighted = builder.add('MatMul', [forms, image])
    const unfolded = builder.add('Reshape', [weighted, builder.ints([0, outputChannels, ...outputSizes])])
    point = unit(emitTransposedConvolution(unfolded, kernels, undefined, convolution, builder))
  }
  const image = byChannel(emitConvolution(point, kernels, undefined, convolution, builder))
  const products = builder.add('MatMul', [image, builder.add('Transpose', [image], { perm: [0, 1, 3, 2] })])
  builder.output('next', point)
  builder.output('moments', builder.add('ReduceMean', [products], { axes: [0], keepdims: 0 }))
  return builder.build()
}
