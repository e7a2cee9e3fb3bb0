import type { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import { range } from '../../sampling/rows.js'

/**
 * Emits half a cosine wave (float [batch]) that falls from `start` in iteration 0 to `end` in iteration `steps`. From a
 * table: the runtime's Cos rounds differently in batches of other sizes.
 */
export function emitCosineSchedule(
  builder: GraphBuilder,
  iteration: string,
  steps: number,
  start: number,
  end: number,
): string {
  const table = range(steps + 1).map((step) => ((start - end) * Math.cos((Math.PI * step) / steps) + start + end) / 2)
  const row = builder.add('Cast', [iteration], { to: elementTypeNumbers.int64 })
  return builder.add('Gather', [builder.floats(table), row])
}
