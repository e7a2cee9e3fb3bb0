import type { Budget } from '../../budget.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import type { Convolution } from '../../operators/convolution.js'
import { type WindowGeometry, windowOutputSizes } from '../../operators/windows.js'
import { ruleContext } from '../../passes/context.js'
import { range } from '../../sampling/rows.js'
import { poolGeometry } from './nonlinear-rules.js'
import { formsOf, maximumRoots, tileSize } from './tile-forms.js'
import { largestMoments } from './tile-moments.js'
import { mixedNorm, type Spread, spreadOverTiles } from './tile-spread.js'

/** A max pool that picks from what a convolution gives, with Relus between them or not. */
export interface PooledConvolution {
  readonly convolution: GraphNode
  /** In ℓ2, the outputs of the pool move by at most so many times what the input does, rounding aside. */
  readonly norm: number
}

/** Elements of a tile, each by itself. */
const elements = range(tileSize).map((own) => range(tileSize).map((at) => (at === own ? 1 : 0)))

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
    const convolution = convolutionBefore(pool, graph)
    if (!convolution || !isTiled(poolGeometry(pool, context)) || !context.constant(convolution.inputs[1])) continue
    const spread = spreadOverTiles(convolution, elements, context)
    if (!spread || multiplicationsPerInput(spread.convolution) > mostMultiplicationsPerInput) continue
    const norm = await maximumNorm(model, convolution, spread, budget)
    if (norm === undefined) return undefined
    found.set(pool, { convolution, norm })
  }
  return found
}

async function maximumNorm(
  model: Classifier,
  node: GraphNode,
  spread: Spread,
  budget: Budget,
): Promise<number | undefined> {
  const forms = (moments: Float64Array) => formsOf(maximumRoots(moments))
  const moments = await largestMoments(model, node, spread, tileSize, forms, budget)
  if (!moments) return undefined
  return mixedNorm(model, spread, maximumRoots(moments), budget)
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

/** Of larger convolutions, finding the forms takes too long. */
const mostMultiplicationsPerInput = 2 ** 24

function multiplicationsPerInput({ geometry, inputChannels, outputChannels, group }: Convolution): number {
  const outputs = elementCount(windowOutputSizes(geometry)) * outputChannels
  return (outputs * elementCount(geometry.kernel) * inputChannels) / group
}
