import type { GraphBuilder } from '../graph/builder.js'
import { padAxis } from './pad-axis.js'
import { emitFromTaps } from './taps.js'

/**
 * The transpose of picking `picked` (−1: nothing) along an axis of `size` elements: every gradient element goes back
 * to where it was picked from. `rank` counts all axes of the gradient.
 */
export function emitSelectionTranspose(
  gradient: string,
  axis: number,
  rank: number,
  picked: readonly number[],
  size: number,
  builder: GraphBuilder,
): string {
  const axes = builder.ints([axis])
  const isRun = (positions: readonly number[]) =>
    positions.every((position, index) => position === positions[0] + index)
  if (picked.length > 0 && picked[0] >= 0 && isRun(picked)) {
    if (picked.length === size) return gradient
    return padAxis(gradient, axis, rank, picked[0], size - picked[0] - picked.length, builder)
  }
  const start = picked.indexOf(0)
  const whole = picked.slice(start, start + size)
  const isWhole = start >= 0 && whole.length === size && isRun(whole)
  if (isWhole && picked.filter((position) => position >= 0).length === size) {
    return builder.add('Slice', [gradient, builder.ints([start]), builder.ints([start + size]), axes])
  }
  return emitFromTaps(gradient, axis, rank, Int32Array.from(picked), size, builder)
}
