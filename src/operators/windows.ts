import { type GraphNode, intsAttribute, stringAttribute } from '../graph/graph.js'
import { refuse } from './refuse.js'

/** How a window slides over the spatial axes. `pads` lists all starts, then all ends. */
export interface WindowGeometry {
  readonly inputSizes: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
  /** The last window may reach beyond the padding, as long as it starts before the end padding. */
  readonly ceilMode: boolean
}

export interface Windows {
  readonly outputSizes: readonly number[]
  /** [outputs × kernel elements], row-major: the flat input position under each kernel element, −1 outside the input. */
  readonly taps: Int32Array
}

/** Geometry of a convolution or pooling node with `auto_pad` resolved. */
export function windowGeometry(
  node: GraphNode,
  inputSizes: readonly number[],
  kernel: readonly number[],
  ceilMode = false,
): WindowGeometry {
  const strides = intsAttribute(node, 'strides') ?? kernel.map(() => 1)
  const dilations = intsAttribute(node, 'dilations') ?? kernel.map(() => 1)
  const pads = resolvePads(node, inputSizes, kernel, strides, dilations)
  const isTooLarge = inputSizes.some(
    (size, axis) => extent(kernel[axis], dilations[axis]) > size + pads[axis] + pads[axis + kernel.length],
  )
  if (isTooLarge) refuse(node, 'its windows are larger than the padded input')
  return { inputSizes, kernel, strides, pads, dilations, ceilMode }
}

function resolvePads(
  node: GraphNode,
  inputSizes: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): readonly number[] {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET')
  if (mode === 'NOTSET') return intsAttribute(node, 'pads') ?? kernel.flatMap(() => [0, 0])
  if (mode === 'VALID') return kernel.flatMap(() => [0, 0])
  // Here the runtime's kernels are at odds with its own shape inference.
  if (dilations.some((dilation) => dilation !== 1)) refuse(node, 'it has both auto_pad and dilations')
  const totals = kernel.map((size, axis) => {
    const outputs = Math.ceil(inputSizes[axis] / strides[axis])
    return (outputs - 1) * strides[axis] + size - inputSizes[axis]
  })
  if (totals.some((total) => total < -1)) refuse(node, 'auto_pad crops its input, as strides exceed its windows')
  return splitPads(
    totals.map((total) => Math.max(0, total)),
    mode,
  )
}

/** Distributes padding over both ends; the odd one goes to the end for SAME_UPPER and to the start otherwise. */
export function splitPads(totals: readonly number[], mode: string): readonly number[] {
  const half = totals.map((total) => Math.floor(total / 2))
  const rest = totals.map((total, axis) => total - half[axis])
  return mode === 'SAME_UPPER' ? [...half, ...rest] : [...rest, ...half]
}

/** Number of input positions that a dilated kernel spans. */
export function extent(kernelSize: number, dilation: number): number {
  return (kernelSize - 1) * dilation + 1
}

export function windowOutputSizes(geometry: WindowGeometry): number[] {
  const { inputSizes, kernel, strides, pads, dilations, ceilMode } = geometry
  return inputSizes.map((size, axis) => {
    const [start, end] = [pads[axis], pads[axis + inputSizes.length]]
    const positions = (size + start + end - extent(kernel[axis], dilations[axis])) / strides[axis]
    if (!ceilMode) return Math.floor(positions) + 1
    const outputs = Math.ceil(positions) + 1
    return (outputs - 1) * strides[axis] >= size + start ? outputs - 1 : outputs
  })
}

/** Whether the windows cover the input without overlap, gaps or padding. */
export function areTiles({ inputSizes, kernel, strides, pads, dilations }: WindowGeometry): boolean {
  return (
    pads.every((pad) => pad === 0) &&
    kernel.every((size, axis) => strides[axis] === size && inputSizes[axis] % size === 0) &&
    kernel.every((size, axis) => dilations[axis] === 1 || size === 1)
  )
}

/** Lists which input position lies under each kernel element of each window. */
export function windows(geometry: WindowGeometry): Windows {
  const { inputSizes, kernel, strides, pads, dilations } = geometry
  const outputSizes = windowOutputSizes(geometry)
  // Axis by axis: [outputs so far × kernel elements so far] flat positions over the axes so far.
  let taps = Int32Array.of(0)
  let [outputs, elements] = [1, 1]
  outputSizes.forEach((outputSize, axis) => {
    const next = new Int32Array(outputs * outputSize * elements * kernel[axis])
    let index = 0
    for (let output = 0; output < outputs; output++) {
      for (let position = 0; position < outputSize; position++) {
        for (let element = 0; element < elements; element++) {
          const outer = taps[output * elements + element]
          for (let offset = 0; offset < kernel[axis]; offset++) {
            const inner = position * strides[axis] + offset * dilations[axis] - pads[axis]
            const inside = outer >= 0 && inner >= 0 && inner < inputSizes[axis]
            next[index++] = inside ? outer * inputSizes[axis] + inner : -1
          }
        }
      }
    }
    taps = next
    outputs *= outputSize
    elements *= kernel[axis]
  })
  return { outputSizes, taps }
}

export interface InvertedTaps {
  /** [inputs × width], row-major: the positions in `taps` that point at each input, then −1. */
  readonly slots: Int32Array
  readonly width: number
}

/** Turns "which input does each tap read" into "which taps read each input". */
export function invertTaps(taps: ArrayLike<number>, inputCount: number): InvertedTaps {
  const counts = new Int32Array(inputCount)
  for (let index = 0; index < taps.length; index++) if (taps[index] >= 0) counts[taps[index]]++
  const width = counts.reduce((most, count) => Math.max(most, count), 1)
  const slots = new Int32Array(inputCount * width).fill(-1)
  counts.fill(0)
  for (let index = 0; index < taps.length; index++) {
    const input = taps[index]
    if (input >= 0) slots[input * width + counts[input]++] = index
  }
  return { slots, width }
}
