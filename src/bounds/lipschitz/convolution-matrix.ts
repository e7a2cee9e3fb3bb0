import { elementCount, type Tensor } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import type { Convolution } from '../../operators/convolution.js'
import { windowOutputSizes, windows } from '../../operators/windows.js'
import { euclideanNorm } from './euclidean-norm.js'
import { type MatrixStack, spectralNorms } from './spectral-norm.js'

/** Outputs and inputs of a convolution: the sides of its matrix. */
export function matrixSides({ geometry, inputChannels, outputChannels }: Convolution): [number, number] {
  return [outputChannels * elementCount(windowOutputSizes(geometry)), inputChannels * elementCount(geometry.inputSizes)]
}

/**
 * Upper bound of the ℓ2 operator norm of a convolution from all of it as one matrix: up to 25 % below {@link
 * convolutionNorm}, as there is no circular grid around the input, and too expensive but for small ones.
 */
export async function writtenOutNorm(model: Classifier, convolution: Convolution, weights: Tensor): Promise<number> {
  const matrix = convolutionMatrix(convolution, weights)
  const [norm] = await spectralNorms(model, matrix)
  // Weights may be sums of few numbers, rounded in float64.
  return norm + 2 ** -40 * euclideanNorm(matrix.data)
}

function convolutionMatrix(convolution: Convolution, weights: Tensor): MatrixStack {
  const { geometry, inputChannels, outputChannels, group } = convolution
  const { taps, outputSizes } = windows(geometry)
  const [inputs, outputs, elements] = [geometry.inputSizes, outputSizes, geometry.kernel].map(elementCount)
  const [rows, columns] = matrixSides(convolution)
  const planes = inputChannels / group
  const data = new Float64Array(rows * columns)
  for (let channel = 0; channel < outputChannels; channel++) {
    const firstPlane = Math.floor((channel * group) / outputChannels) * planes
    for (let plane = 0; plane < planes; plane++) {
      for (let at = 0; at < taps.length; at++) {
        if (taps[at] < 0) continue
        const row = channel * outputs + Math.floor(at / elements)
        const column = (firstPlane + plane) * inputs + taps[at]
        data[row * columns + column] = Number(weights.data[(channel * planes + plane) * elements + (at % elements)])
      }
    }
  }
  return { count: 1, rows, columns, data }
}
