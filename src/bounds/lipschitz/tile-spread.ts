import type { Budget } from '../../budget.js'
import { elementCount, type GraphNode } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { describeConvolution } from '../../operators/conv.js'
import type { Convolution } from '../../operators/convolution.js'
import type { RuleContext } from '../../operators/operator.js'
import { matrixSides, writtenOutNorm } from './convolution-matrix.js'
import { convolutionNorm } from './convolution-norm.js'

/** A convolution whose output channels are coefficients of tiles of 2×2 outputs of another one. */
export interface Spread {
  readonly convolution: Convolution
  readonly weights: Float64Array
}

/** For each channel of a convolution the coefficients that its outputs in each tile have in terms of some vectors. */
export function spreadOverTiles(
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

/** Weights, and what mixes them, are rounded in float64. */
const outwards = 1 + 2 ** -36

/** Sides and numbers of a matrix that is worth writing out: some seconds, where the circular grid would add some per cent. */
const [largestSide, mostNumbers] = [3072, 2 ** 24]

/** Upper bound of the ℓ2 operator norm, with the outputs of each channel mixed by a matrix. Undefined when the budget ends. */
export async function mixedNorm(
  model: Classifier,
  spread: Spread,
  matrices: Float64Array,
  budget: Budget,
): Promise<number | undefined> {
  const { convolution, weights } = mixed(spread, matrices)
  const { outputChannels } = convolution
  const shape = [outputChannels, weights.length / outputChannels]
  const tensor = { type: 'float64', shape, data: weights } as const
  const [rows, columns] = matrixSides(convolution)
  if (Math.min(rows, columns) <= largestSide && rows * columns <= mostNumbers) {
    return (await budget.next()) ? outwards * (await writtenOutNorm(model, convolution, tensor)) : undefined
  }
  const norm = await convolutionNorm(model, convolution, tensor, budget)
  return norm === undefined ? undefined : outwards * norm
}

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
