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
import { convolutionNorm } from './convolution-norm.js'
import { poolGeometry } from './nonlinear-rules.js'

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

/** The Haar basis of 2×2, each row a vector of length 1: the mean, and differences across, down and on the diagonal. */
const haar = [
  [0.5, 0.5, 0.5, 0.5],
  [0.5, -0.5, 0.5, -0.5],
  [0.5, 0.5, -0.5, -0.5],
  [0.5, -0.5, -0.5, 0.5],
]

/** Without the mean. */
export const haarDetails = haar.slice(1)

/**
 * For max pools over tiles of 2×2 behind a convolution W: constants of both together, which are smaller than the product
 * of theirs, as a pool picks one of four neighbours, and those tend to move alike.
 *
 * A maximum moves by s·v when the four elements of its window move by v, for some shares s ≥ 0 that add up to 1. So
 * (s·v)² ≤ max v_i² ≤ vᵀMv for every M whose inverse has a diagonal of ones: eᵢeᵢᵀ ≤ M if eᵢᵀM⁻¹eᵢ ≤ 1. With the
 * Haar basis h_k, whose elements are ±½, that is M = Σ h_k·h_kᵀ/λ_k for any λ > 0 with Σλ_k = 4. So the constant is at
 * most ‖Λ^−½·H·W‖, the norm of a convolution with twice the stride and four outputs for each channel. The λ of every
 * channel are chosen to make it small; all choices are valid. A Relu in between might as well come after the pool.
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
    const spread = spreadOverTiles(node, haar, context)
    if (!spread || multiplications(spread.convolution) > mostMultiplications) continue
    const all = await spreadNorm(model, node, spread, haar.length, budget)
    const apart = spreadOverTiles(node, haarDetails, context)!
    const details = all && (await spreadNorm(model, node, apart, haarDetails.length, budget))
    if (!details) return undefined
    found.set(pool, { input: node.inputs[0], output: node.outputs[0], norm: all.norm, details })
  }
  return found
}

/** The shares of a spread convolution, and its norm with them. Undefined when the budget ends. */
async function spreadNorm(
  model: Classifier,
  node: GraphNode,
  spread: Spread,
  vectors: number,
  budget: Budget,
): Promise<TileDetails | undefined> {
  const shares = await sharesOf(model, node, spread, vectors, budget)
  if (!shares) return undefined
  const { convolution, weights } = spread
  const width = weights.length / convolution.outputChannels
  const data = weights.map((weight, index) => weight / Math.sqrt(shares[Math.floor(index / width)]))
  const tensor = { type: 'float64', shape: [convolution.outputChannels, width], data } as const
  const norm = await convolutionNorm(model, convolution, tensor, budget)
  // The weights, and the shares, which add up to 4, are rounded in float64.
  return norm === undefined ? undefined : { shares, norm: norm * (1 + 2 ** -40) }
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

/** H·W: for each channel of a convolution, the coefficients of its outputs in each tile, for some of the Haar basis. */
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
 * λ of every output of the spread convolution that make ‖Λ^−½·H·W‖ small. For given directions in which the operator is
 * large, the best λ of a channel are proportional to the roots of the energies that its coefficients have there; those
 * of all directions so far count (Frank and Wolfe's method). Undefined when the budget ends.
 */
async function sharesOf(
  model: Classifier,
  node: GraphNode,
  { convolution, weights }: Spread,
  vectors: number,
  budget: Budget,
): Promise<Float64Array | undefined> {
  const { geometry, inputChannels, outputChannels } = convolution
  const compiled = await model.compile(`${vectors} shares of ${node.outputs[0]}`, () =>
    powerGraph(convolution, weights),
  )
  const shape = [directions, inputChannels, ...geometry.inputSizes]
  const random = randomSource(1)
  let points: Float32Array = Float32Array.from({ length: elementCount(shape) }, () => random.normal())
  const energies = new Float64Array(outputChannels)
  let shares: Float64Array = new Float64Array(outputChannels).fill(4 / vectors)
  for (let round = 0; round < rounds; round++) {
    if (!(await budget.next())) return undefined
    const inverse = Float32Array.from(shares, (share) => 1 / share)
    const results = await compiled.run({
      points: { type: 'float32', shape, data: points },
      inverse: { type: 'float32', shape: [outputChannels, 1, 1], data: inverse },
    })
    points = results.next.data as Float32Array
    const found = results.energies.data as Float32Array
    const weight = 2 / (round + 2)
    energies.forEach((energy, channel) => {
      energies[channel] = (1 - weight) * energy + weight * found[channel]
    })
    shares = sharesFor(energies, vectors)
  }
  return shares
}

function sharesFor(energies: Float64Array, vectors: number): Float64Array {
  const shares = new Float64Array(energies.length)
  for (let first = 0; first < energies.length; first += vectors) {
    const roots = range(vectors).map((k) => Math.sqrt(energies[first + k]))
    const sum = roots.reduce((total, root) => total + root, 0)
    roots.forEach((root, k) => {
      shares[first + k] = sum > 0 ? smallestShare + ((4 - vectors * smallestShare) * root) / sum : 4 / vectors
    })
  }
  return shares
}

/**
 * Some steps of power iteration: from `points` and the `inverse` of the shares to `next`, points of unit length, and
 * `energies`, the mean squares of every output of the convolution there.
 */
function powerGraph(convolution: Convolution, weights: Float64Array): Graph {
  const builder = new GraphBuilder(17)
  const { geometry, inputChannels, outputChannels, group } = convolution
  const shape = ['points', inputChannels, ...geometry.inputSizes]
  const kernels = builder.floats(Float32Array.from(weights), [
    outputChannels,
    inputChannels / group,
    ...geometry.kernel,
  ])
  const inverse = builder.input('inverse', 'float32', [outputChannels, 1, 1])
  const squares = (value: string, axes: number[], keepdims: number) =>
    builder.add('ReduceSum', [builder.add('Mul', [value, value]), builder.ints(axes)], { keepdims })
  const unit = (value: string) => {
    const size = builder.add('Sqrt', [squares(value, [1, 2, 3], 1)])
    return builder.add('Div', [value, builder.add('Max', [size, builder.scalar(1e-30)])])
  }
  let point = unit(builder.input('points', 'float32', shape))
  for (let step = 0; step < 3; step++) {
    const image = emitConvolution(point, kernels, undefined, convolution, builder)
    const scaled = builder.add('Mul', [image, inverse])
    point = unit(emitTransposedConvolution(scaled, kernels, undefined, convolution, builder))
  }
  const image = emitConvolution(point, kernels, undefined, convolution, builder)
  builder.output('next', point)
  builder.output('energies', squares(image, [0, 2, 3], 0))
  return builder.build()
}
