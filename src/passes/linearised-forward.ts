import type { GraphNode, TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import type { RowContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { adaptiveLine, flattestLine, type LowerLine, type Relaxation, steepestLine } from './relaxation.js'

/**
 * Runs points of the input, one per row, forwards through the linear functions that a relaxation put in the place of
 * the network. Where they are the minimisers of the rows, this is the derivative of the bound: raising the share of the
 * steepest line of a node changes the bound by its coefficient times how far that line is above the flattest there.
 * Returns for each node with a choice 1 where the steepest line is above the flattest, 0 elsewhere.
 */
export function emitSteeper(
  graph: TypedGraph,
  relaxation: Relaxation,
  points: string,
  context: RowContext,
): Map<GraphNode, string> {
  const { builder } = context
  const values = new Map([[graph.inputs[0].name, points]])
  const steeper = new Map<GraphNode, string>()
  for (const node of graph.nodes) {
    if (!node.outputs.some((output) => relaxation.gradients.has(output))) continue
    const linear = findOperator(node)?.linear?.(node, context)
    if (linear) {
      const inputs = node.inputs.map((input) =>
        context.isActivation(input) ? insidePadding(input, values.get(input)!, node, context) : '',
      )
      const bias = !node.outputs.some((output) => relaxation.taken.has(output))
      const outputs = linear.apply(node, inputs, context, { absolute: false, bias })
      outputs.forEach((output, index) => values.set(node.outputs[index], output))
      continue
    }
    const isPositive = builder.add('Greater', [relaxation.gradients.get(node.outputs[0])!, builder.scalar(0)])
    const relaxed = relaxation.relaxed.get(node)
    if (!relaxed) {
      const [output] = node.outputs
      const ends = context.samples.interval(context.whole.value(output))
      values.set(output, context.combine('Where', output, [isPositive], [ends.lower, ends.upper]))
      continue
    }
    const { rules, inputs, hasChoice, share } = relaxed
    const places = inputs.map((input) => values.get(input)!)
    const along = (lowerLine: LowerLine) => rules.at(node, places, relaxation.contextWith(lowerLine))
    const { lower: adaptive, upper } = along(adaptiveLine)
    const [flat, steep] = [along(flattestLine).lower, along(steepestLine).lower]
    if (hasChoice) steeper.set(node, asNumber(builder.add('Greater', [steep, flat]), builder))
    const rise = share && builder.add('Mul', [share, builder.add('Sub', [steep, flat])])
    const lower = rise ? builder.add('Add', [flat, rise]) : adaptive
    values.set(node.outputs[0], builder.add('Where', [isPositive, lower, upper]))
  }
  return steeper
}

/** What sums over windows finds zeros in the padding around a value. */
function insidePadding(input: string, value: string, node: GraphNode, context: RowContext): string {
  const mask = node.operator === 'Conv' ? context.mask(input) : undefined
  return mask === undefined ? value : context.builder.add('Mul', [value, mask])
}
