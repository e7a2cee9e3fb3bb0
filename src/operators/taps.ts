import type { GraphBuilder } from '../graph/builder.js'
import { intTensor } from '../graph/builder.js'
import { invertTaps } from './windows.js'

/**
 * Picks positions along `axis`: element i of the new axes `shape` is position taps[i], or zero where that is −1.
 * Gather and sums are deterministic and have kernels for every precision, which Scatter has not.
 */
export function emitTaps(
  value: string,
  axis: number,
  taps: Int32Array,
  shape: readonly number[],
  builder: GraphBuilder,
): string {
  const complete = taps.every((tap) => tap >= 0)
  if (complete) return builder.add('Gather', [value, indices(taps, shape, builder)], { axis })
  // The zero slot goes first, where its index does not depend on the size of the axis.
  const pads = [builder.ints([1, 0]), '', builder.ints([axis])]
  const padded = builder.add('Pad', [value, ...pads])
  const shifted = taps.map((tap) => tap + 1)
  return builder.add('Gather', [padded, indices(shifted, shape, builder)], { axis })
}

/** The transpose of {@link emitTaps} for taps laid out along one axis: sums each position's taps. */
export function emitFromTaps(
  value: string,
  axis: number,
  taps: Int32Array,
  size: number,
  builder: GraphBuilder,
): string {
  const { slots, width } = invertTaps(taps, size)
  if (width === 1) return emitTaps(value, axis, slots, [size], builder)
  const gathered = emitTaps(value, axis, slots, [size, width], builder)
  return builder.add('ReduceSum', [gathered, builder.ints([axis + 1])], { keepdims: 0 })
}

function indices(taps: Int32Array, shape: readonly number[], builder: GraphBuilder): string {
  return builder.constant(intTensor(taps, shape))
}
