import type { GraphBuilder } from '../graph/builder.js'
import { intTensor } from '../graph/builder.js'
import { padAxis } from './pad-axis.js'
import { invertTaps } from './windows.js'

/**
 * Picks positions along `axis` of a value with `rank` axes: element i of the new axes `shape` is position taps[i], or
 * `missing` where that is −1. Gather and sums are deterministic and have kernels for every precision, which Scatter has
 * not.
 */
export function emitTaps(
  value: string,
  axis: number,
  rank: number,
  taps: Int32Array,
  shape: readonly number[],
  builder: GraphBuilder,
  missing = 0,
): string {
  const complete = taps.every((tap) => tap >= 0)
  if (complete) return builder.add('Gather', [value, indices(taps, shape, builder)], { axis })
  // The missing slot goes first, where its index does not depend on the size of the axis.
  const padded = padAxis(value, axis, rank, 1, 0, builder, missing)
  const shifted = taps.map((tap) => tap + 1)
  return builder.add('Gather', [padded, indices(shifted, shape, builder)], { axis })
}

/** The transpose of {@link emitTaps} for taps laid out along one axis: sums each position's taps. */
export function emitFromTaps(
  value: string,
  axis: number,
  rank: number,
  taps: Int32Array,
  size: number,
  builder: GraphBuilder,
): string {
  const { slots, width } = invertTaps(taps, size)
  if (width === 1) return emitTaps(value, axis, rank, slots, [size], builder)
  // The axis to sum goes before the longer one: onnxruntime adds long runs, and is ten times slower on short ones.
  const slotsFirst = slots.map((_, index) => slots[(index % size) * width + Math.floor(index / size)])
  const gathered = emitTaps(value, axis, rank, slotsFirst, [width, size], builder)
  return builder.add('ReduceSum', [gathered, builder.ints([axis])], { keepdims: 0 })
}

function indices(taps: Int32Array, shape: readonly number[], builder: GraphBuilder): string {
  return builder.constant(intTensor(taps, shape))
}
