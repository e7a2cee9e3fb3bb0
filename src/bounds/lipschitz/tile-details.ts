import type { Budget } from '../../budget.js'
import { GraphBuilder } from '../../graph/builder.js'
import type { GraphNode } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { ruleContext } from '../../passes/context.js'
import { range } from '../../sampling/rows.js'
import { largestMoments } from './tile-moments.js'
import { mixedNorm, spreadOverTiles } from './tile-spread.js'

/** How far elements of tiles move apart, of what a convolution gives. */
export interface TileDetails {
  readonly convolution: GraphNode
  /** λ of the three differences of each channel. */
  readonly shares: Float64Array
  /** ‖Λ^−½·H·W‖ for the differences alone. */
  readonly norm: number
}

/** Of the Haar basis of 2×2, without the mean, rows of length 1: differences across, down and on the diagonal. */
export const haarDetails = [
  [0.5, -0.5, 0.5, -0.5],
  [0.5, 0.5, -0.5, -0.5],
  [0.5, -0.5, -0.5, 0.5],
]

const smallestShare = 1e-3

/** What does not depend on the samples is computed once per convolution. */
const cache = new WeakMap<GraphNode, TileDetails>()

/** Of what a convolution gives that has a constant together with a max pool over tiles. Undefined when the budget ends. */
export async function tileDetails(
  model: Classifier,
  convolution: GraphNode,
  budget: Budget,
): Promise<TileDetails | undefined> {
  const known = cache.get(convolution)
  if (known) return known
  const { graph } = model
  const spread = spreadOverTiles(convolution, haarDetails, ruleContext(graph, new GraphBuilder(graph.opset)))!
  const width = haarDetails.length
  const onDiagonal = (values: Float64Array) => {
    const matrices = new Float64Array(values.length * width)
    values.forEach((value, index) => {
      matrices[index * width + (index % width)] = value
    })
    return matrices
  }
  const forms = (moments: Float64Array) => onDiagonal(sharesFor(moments).map((share) => 1 / share))
  const moments = await largestMoments(model, convolution, spread, width, forms, budget)
  if (!moments) return undefined
  const shares = sharesFor(moments)
  const norm = await mixedNorm(model, spread, onDiagonal(shares.map((share) => 1 / Math.sqrt(share))), budget)
  if (norm === undefined) return undefined
  const details = { convolution, shares, norm }
  cache.set(convolution, details)
  return details
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
