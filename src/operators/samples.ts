import type { GraphBuilder } from '../graph/builder.js'
import { featureShape, type GraphNode } from '../graph/graph.js'
import type { RuleContext } from './operator.js'
import { refuse } from './refuse.js'

/**
 * Shape of one sample of an activation.
 * @throws UnsupportedOperatorError when the batch is not the first axis: rows of gradients could not be told apart.
 */
export function sampleShape(value: string, node: GraphNode, context: RuleContext): readonly number[] {
  const shape = featureShape(context.shape(value))
  return shape ?? refuse(node, 'the batch does not stay the first axis')
}

/** The same of any value, whichever node makes it. */
export function valueShape(value: string, context: RuleContext): readonly number[] {
  const producer = context.graph.nodes.find(({ outputs }) => outputs.includes(value)) ?? context.graph.nodes[0]
  return sampleShape(value, producer, context)
}

/** Counts a negative axis from the end. The batch axis is refused: samples must not mix. */
export function sampleAxis(axis: number, rank: number, node: GraphNode): number {
  const counted = axis < 0 ? axis + rank : axis
  return counted === 0 ? refuse(node, 'it works along the batch axis') : counted
}

/** The constant shape input of Reshape that lays out each row as `shape`. */
export function rowsOf(shape: readonly number[], builder: GraphBuilder): string {
  return builder.ints([0, ...shape])
}

/** `value` repeated for as many rows as `reference` has; `shape` is that of one row. */
export function repeatForRows(
  value: string,
  shape: readonly number[],
  reference: string,
  builder: GraphBuilder,
): string {
  const rows = builder.add('Shape', [reference], { start: 0, end: 1 })
  return builder.add('Expand', [value, builder.add('Concat', [rows, builder.ints(shape)], { axis: 0 })])
}
