import type { GraphBuilder } from '../graph/builder.js'
import { emitFromTaps } from './taps.js'

/**
 * The transpose of picking `picked` (−1: nothing) along an axis of `size` elements: every gradient element goes back
 * to where it was picked from.
 */
export function emitSelectionTranspose(
  gradient: string,
  axis: number,
  picked: readonly number[],
  size: number,
  builder: GraphBuilder,
): string {
  const axes = builder.ints([axis])
  const isRun = (positions: readonly number[]) =>
    positions.every((position, index) => position === positions[0] + index)
  if (picked.length > 0 && picked[0] >= 0 && isRun(picked)) {
    if (picked.length === size) return gradient
    return builder.add('Pad', [gradient, builder.ints([picked[0], size - picked[0] - picked.length]), '', axes])
  }
  const start = picked.indexOf(0)
  const kept = picked.filter((position) => position >= 0)
  if (kept.length === size && start >= 0 && isRun(picked.slice(start, start + size))) {
    return builder.add('Slice', [gradient, builder.ints([start]), builder.ints([start + size]), axes])
  }
  return emitFromTaps(gradient, axis, Int32Array.from(picked), size, builder)
}
