import { elementTypeNumbers } from '../graph/element-types.js'
import { type GraphNode, intAttribute } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'

const floatTypes: readonly number[] = [elementTypeNumbers.float32, elementTypeNumbers.float64]

const unchanged: LinearRules = {
  apply: (_node, [input]) => [input],
  transpose: (_node, [gradient]) => [gradient],
  terms: () => 1,
  fanOut: () => 1,
}

function sourceType(node: GraphNode, { graph }: RuleContext): number {
  return elementTypeNumbers[graph.values.get(node.inputs[0])!.type]
}

export const cast: Operator = {
  name: 'Cast',
  // Casts between floats would mix precisions in one graph; a cast to the same type is a leftover of an exporter.
  linear: (node, context) =>
    sourceType(node, context) === intAttribute(node, 'to', 0) && floatTypes.includes(sourceType(node, context))
      ? unchanged
      : undefined,
  lower(node, [input], context) {
    const { builder } = context
    const target = intAttribute(node, 'to', 0)
    if (!floatTypes.includes(target)) return [builder.add('Cast', [input], { to: target })]
    return [floatTypes.includes(sourceType(node, context)) ? input : asNumber(input, builder)]
  },
}
