import type { GraphBuilder } from '../graph/builder.js'
import type { TypedGraph } from '../graph/graph.js'
import type { Interval, RowContext } from '../operators/operator.js'
import type { Rounding } from '../operators/rounding.js'
import { intervalContext } from './interval.js'
import { emitSum, emitSumBySign, rowSumRoundings } from './row-sums.js'

/**
 * Context of rows on top of intervals; `sample` names an int32 vector with the sample of each row or, with
 * `isGrouped`, with the one sample of all rows. `masks` are given for crops.
 */
export function rowContext(
  graph: TypedGraph,
  builder: GraphBuilder,
  rounding: Rounding,
  known: (value: string) => Interval | undefined,
  sample: string,
  isGrouped: boolean,
  masks?: (value: string) => string | undefined,
): RowContext {
  const intervals = intervalContext(graph, builder, rounding, known)
  // The sums of all nodes are added up in the end.
  const afterwards = graph.nodes.length + 8
  const rows = (sliced: string) =>
    builder.once(`rows ${sliced}`, () => builder.add('Gather', [sliced, sample], { axis: 0 }))
  return {
    ...intervals,
    isGrouped,
    isCrop: masks !== undefined,
    mask: (value) => masks?.(value),
    rows,
    sumBySign: (coefficients, below, above, shape) =>
      emitSumBySign(coefficients, below, above, shape, { ...intervals, rows, isGrouped }),
    sum: (value, shape) => emitSum(value, shape, intervals),
    sumRoundings: (shape) => rowSumRoundings(shape, isGrouped) + afterwards,
  }
}
