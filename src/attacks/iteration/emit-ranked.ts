import type { GraphBuilder } from '../../graph/builder.js'

/**
 * Emits of each row of `values` [rows, features] the one with the given rank (int64 [rows, 1], from 0 for the largest).
 * Only as many are sorted as the highest rank asks for.
 */
export function emitRanked(builder: GraphBuilder, values: string, ranks: string): string {
  const highest = builder.add('ReduceMax', [ranks, builder.ints([0])], { keepdims: 0 })
  const count = builder.add('Add', [highest, builder.ints([1])])
  const [largest] = builder.addMany('TopK', [values, count], 2, { axis: 1 })
  return builder.add('GatherElements', [largest, ranks], { axis: 1 })
}
