import type { GraphBuilder } from '../graph/builder.js'

/**
 * `filling` before and after one axis of a value with `rank` axes. Pad could be told the axis, but onnxruntime's optimizer
 * overlooks that input when it moves a Transpose past a Pad, and then refuses to run the graph.
 */
export function padAxis(
  value: string,
  axis: number,
  rank: number,
  before: number,
  after: number,
  builder: GraphBuilder,
  filling = 0,
): string {
  const pads = new Array<number>(2 * rank).fill(0)
  pads[axis] = before
  pads[axis + rank] = after
  return builder.add('Pad', [value, builder.ints(pads), builder.scalar(filling)])
}
