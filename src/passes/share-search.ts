import type { GraphNode, TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import type { RowContext } from '../operators/operator.js'
import { emitSteeper } from './linearised-forward.js'
import type { Relaxation } from './relaxation.js'

/** For each node with a choice of lines how much of the positive coefficients takes the steepest one, one row each. */
export type Shares = ReadonlyMap<GraphNode, string>

/**
 * Shares that raise the bounds of rows: where so many steps of Frank and Wolfe lead from the lines that `relax` takes
 * without shares, and what had the largest bound before the last step. All shares move to what would be best if the bound
 * were linear in them, by 2/(n + 2) in step n. Nothing where there is no choice.
 */
export function emitShares(
  graph: TypedGraph,
  relax: (shares?: Shares) => Relaxation,
  steps: number,
  context: RowContext,
): Shares[] {
  const { builder } = context
  const steeper = (relaxation: Relaxation): Shares =>
    relaxation.minimiser === undefined ? new Map() : emitSteeper(graph, relaxation, relaxation.minimiser, context)
  const start = relax()
  const first = steeper(start)
  const nodes = [...first.keys()]
  if (nodes.length === 0) return []
  if (steps === 1) return [first]
  const sharesOf = (values: readonly string[]): Shares => new Map(nodes.map((node, index) => [node, values[index]]))
  const starts = [...first.values()]
  const results = builder.loop(steps - 1, [...starts, ...starts, start.bound], (trip, carried) => {
    const [shares, best] = [carried.slice(0, nodes.length), carried.slice(nodes.length, -1)]
    const most = carried.at(-1)!
    const relaxation = relax(sharesOf(shares))
    const next = steeper(relaxation)
    const step = emitStep(trip, context)
    const moved = nodes.map((node, index) => {
      const way = builder.add('Sub', [next.get(node)!, shares[index]])
      return builder.add('Add', [shares[index], builder.add('Mul', [way, step])])
    })
    const isLarger = builder.add('Greater', [relaxation.bound, most])
    const kept = nodes.map(({ outputs: [output] }, index) => {
      const column = builder.ints([
        -1,
        ...context
          .shape(output)!
          .slice(1)
          .map(() => 1),
      ])
      return builder.add('Where', [builder.add('Reshape', [isLarger, column]), shares[index], best[index]])
    })
    return [...moved, ...kept, builder.add('Where', [isLarger, relaxation.bound, most])]
  })
  return [sharesOf(results), sharesOf(results.slice(nodes.length))]
}

/** 2/(n + 2) for the step after the one that led here; trips count from 0. */
function emitStep(trip: string, { builder }: RowContext): string {
  const place = builder.add('Add', [asNumber(trip, builder), builder.scalar(3)])
  return builder.add('Div', [builder.scalar(2), place])
}
