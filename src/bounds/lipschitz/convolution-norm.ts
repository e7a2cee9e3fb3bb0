import type { Budget } from '../../budget.js'
import { elementCount, type Tensor } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import type { Convolution } from '../../operators/convolution.js'
import { extent, windowOutputSizes, windows } from '../../operators/windows.js'
import { unravel } from '../../passes/transposed-rows.js'
import { batches, range } from '../../sampling/rows.js'
import { euclideanNorm } from './euclidean-norm.js'
import { type MatrixStack, spectralNorms } from './spectral-norm.js'

/** Enough to tell which blocks matter. */
const coarseSquarings = 4

/** Multiplications for the coarse bounds of all blocks, after which the coarser bound of patches takes over. */
const mostBlockMultiplications = 1e11

/**
 * Upper bound of the ℓ2 operator norm of a convolution with zero padding, stride, dilation and groups.
 *
 * On a circular grid that holds the padded input no window wraps around, so that the zero-padded convolution is a part of
 * the circular one. That is block diagonal in the Fourier basis (Sedghi, Gupta and Long, "The singular values of
 * convolutional layers", ICLR 2019): one matrix of outputs × inputs per frequency. A stride s adds up frequencies that
 * differ by the grid size / s: their matrices stand side by side, divided by √s per axis. Undefined when the budget ends.
 */
export async function convolutionNorm(
  model: Classifier,
  convolution: Convolution,
  weights: Tensor,
  budget: Budget,
): Promise<number | undefined> {
  const slack = 2 ** -40 * Math.sqrt(weights.data.length) * euclideanNorm(weights.data)
  if (blockMultiplications(convolution) > mostBlockMultiplications) {
    return (await patchNorm(model, convolution, weights)) + slack
  }
  const blocks: { readonly group: number; readonly frequency: number; readonly coarse: number }[] = []
  const frequencies = halfOfFrequencies(convolution)
  for (const group of range(convolution.group)) {
    for (const part of batches(frequencies, blocksPerRun(convolution))) {
      if (!(await budget.next())) return undefined
      const stack = transferMatrices(convolution, weights, group, part)
      const norms = await spectralNorms(model, stack, coarseSquarings)
      part.forEach((frequency, index) => {
        blocks.push({ group, frequency, coarse: norms[index] })
      })
    }
  }
  // Few blocks are worth a closer look: those whose coarse bound is above the largest close one.
  blocks.sort((left, right) => right.coarse - left.coarse)
  let largest = 0
  for (const { group, frequency, coarse } of blocks) {
    if (coarse <= largest) break
    if (!(await budget.next())) return undefined
    const [norm] = await spectralNorms(model, transferMatrices(convolution, weights, group, [frequency]))
    largest = Math.max(largest, Math.min(norm, coarse))
  }
  // The phases and the sums over the kernel are rounded: by less than 2^-40 of the weights for fewer than 2^12 of them.
  return largest + slack
}

/** Sizes of the circular grid: multiples of the stride that hold all that the windows reach. */
function gridSizes({ geometry }: Convolution): number[] {
  const { kernel, strides, dilations } = geometry
  return windowOutputSizes(geometry).map((outputs, axis) => {
    const reached = (outputs - 1) * strides[axis] + extent(kernel[axis], dilations[axis])
    return Math.ceil(reached / strides[axis]) * strides[axis]
  })
}

function coarseSizes(convolution: Convolution): number[] {
  return gridSizes(convolution).map((size, axis) => size / convolution.geometry.strides[axis])
}

/** Frequencies of the coarse grid of outputs, of opposite ones the first: weights are real, so both have one norm. */
function halfOfFrequencies(convolution: Convolution): number[] {
  const sizes = coarseSizes(convolution)
  return range(elementCount(sizes)).filter((flat) => {
    const opposite = unravel(flat, sizes).reduce((index, at, axis) => {
      return index * sizes[axis] + ((sizes[axis] - at) % sizes[axis])
    }, 0)
    return flat <= opposite
  })
}

function blocksPerRun(convolution: Convolution): number {
  const { rows, columns } = transferSizes(convolution)
  return Math.max(1, Math.floor(2 ** 22 / (rows * columns)))
}

/** Of one group, as real matrices: [Re −Im; Im Re] has the singular values of Re + i·Im, each twice. */
function transferSizes({ geometry, inputChannels, outputChannels, group }: Convolution) {
  const aliases = elementCount(geometry.strides)
  return { rows: (2 * outputChannels) / group, columns: (2 * inputChannels * aliases) / group, aliases }
}

function blockMultiplications(convolution: Convolution): number {
  const { rows, columns } = transferSizes(convolution)
  const side = Math.min(rows, columns)
  const count = convolution.group * elementCount(coarseSizes(convolution))
  return (count / 2) * side * side * (Math.max(rows, columns) + (coarseSquarings + 1) * side)
}

function transferMatrices(
  convolution: Convolution,
  weights: Tensor,
  group: number,
  frequencies: readonly number[],
): MatrixStack {
  const { geometry, inputChannels, outputChannels } = convolution
  const { kernel, strides } = geometry
  const [inputs, outputs] = [inputChannels / convolution.group, outputChannels / convolution.group]
  const { rows, columns, aliases } = transferSizes(convolution)
  const coarse = coarseSizes(convolution)
  const taps = elementCount(kernel)
  const data = new Float64Array(frequencies.length * rows * columns)
  frequencies.forEach((flat, index) => {
    const frequency = unravel(flat, coarse)
    for (let alias = 0; alias < aliases; alias++) {
      const shift = unravel(alias, strides)
      const phases = phasesOf(
        convolution,
        frequency.map((at, axis) => at + shift[axis] * coarse[axis]),
      )
      for (let output = 0; output < outputs; output++) {
        for (let input = 0; input < inputs; input++) {
          let [real, imaginary] = [0, 0]
          const from = ((group * outputs + output) * inputs + input) * taps
          for (let tap = 0; tap < taps; tap++) {
            const weight = Number(weights.data[from + tap])
            real += weight * phases[2 * tap]
            imaginary += weight * phases[2 * tap + 1]
          }
          const column = alias * inputs + input
          const place = (row: number, at: number) => (index * rows + row) * columns + at
          data[place(output, column)] = real
          data[place(output, columns / 2 + column)] = -imaginary
          data[place(outputs + output, column)] = imaginary
          data[place(outputs + output, columns / 2 + column)] = real
        }
      }
    }
  })
  return { count: frequencies.length, rows, columns, data }
}

/** e^(2πi·frequency·tap / size) over √stride per axis: real and imaginary part for every kernel element. */
function phasesOf(convolution: Convolution, frequency: readonly number[]): Float64Array {
  const { kernel, strides, dilations } = convolution.geometry
  const sizes = gridSizes(convolution)
  const scale = 1 / Math.sqrt(elementCount(strides))
  const taps = elementCount(kernel)
  const phases = new Float64Array(2 * taps)
  for (let tap = 0; tap < taps; tap++) {
    const turns = unravel(tap, kernel).reduce((sum, at, axis) => {
      return sum + ((at * dilations[axis] * frequency[axis]) % sizes[axis]) / sizes[axis]
    }, 0)
    phases[2 * tap] = scale * Math.cos(2 * Math.PI * turns)
    phases[2 * tap + 1] = scale * Math.sin(2 * Math.PI * turns)
  }
  return phases
}

/** ‖W as a matrix [outputs, inputs·taps]‖ times √(windows that an input lies in): cheaper, and larger. */
async function patchNorm(model: Classifier, convolution: Convolution, weights: Tensor): Promise<number> {
  const { outputChannels, group, geometry } = convolution
  const [rows, columns] = [outputChannels / group, weights.data.length / outputChannels]
  const data = Float64Array.from(weights.data, Number)
  const norms = await spectralNorms(model, { count: group, rows, columns, data })
  return Math.max(...norms) * Math.sqrt(mostWindows(windows(geometry).taps)) * (1 + 2 ** -50)
}

/** In how many windows the input position lies that is in most of them. */
export function mostWindows(taps: Int32Array): number {
  const counts = new Map<number, number>()
  for (const position of taps) if (position >= 0) counts.set(position, (counts.get(position) ?? 0) + 1)
  return [...counts.values()].reduce((most, count) => Math.max(most, count), 1)
}
