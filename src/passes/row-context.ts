import type { GraphBuilder } from '../graph/builder.js'
import type { TypedGraph } from '../graph/graph.js'
import type { Interval, RowContext } from '../operators/operator.js'
import type { Rounding } from '../operators/rounding.js'
import { intervalContext } from './interval.js'
import { emitSum, sumRoundings } from './row-sums.js'

/**
 * Context of rows on top of intervals; `sampleOfRow` names an int32 vector with the sample of each row.
 * `masks` are given for crops.
 */
export function rowContext(
  graph: TypedGraph,
  builder: GraphBuilder,
  rounding: Rounding,
  known: (value: string) => Interval | undefined,
  sampleOfRow: string,
  masks?: (value: string) => string | undefined,
): RowContext {
  const intervals = intervalContext(graph, builder, rounding, known)
  // The sums of all nodes are added up in the end.
  const afterwards = graph.nodes.length + 8
  return {
    ...intervals,
    isCrop: masks !== undefined,
    mask: (value) => masks?.(value),
    rows: (sliced) => builder.once(`rows ${sliced}`, () => builder.add('Gather', [sliced, sampleOfRow], { axis: 0 })),
    sum: (value, shape) => emitSum(value, shape, intervals),
    sumRoundings: (shape) => sumRoundings(shape) + afterwards,
  }
}
