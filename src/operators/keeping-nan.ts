import { asNumber } from './element-type.js'
import type { IntervalContext } from './operator.js'

/**
 * An extreme of some elements of a bound, as `pick` emits it, that is NaN where any of these elements is. onnxruntime's
 * maxima and minima pass over some NaNs (which ones depends on the kernel and their place), and where nothing is known of an
 * element nothing is known of the extreme.
 */
export function emitKeepingNaN(
  bound: string,
  extreme: 'largest' | 'smallest',
  pick: (elements: string) => string,
  { builder }: IntervalContext,
): string {
  const marks = asNumber(builder.add('IsNaN', [bound]), builder)
  const outermost = pick(extreme === 'largest' ? marks : builder.add('Neg', [marks]))
  const isKnown = builder.add('Equal', [outermost, builder.scalar(0)])
  return builder.add('Where', [isKnown, pick(bound), builder.scalar(Number.NaN)])
}
