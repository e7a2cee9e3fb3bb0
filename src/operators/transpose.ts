import { type GraphNode, intsAttribute } from '../graph/graph.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'

const permutation: LinearRules = {
  apply: (node, [input], context) => [context.builder.add('Transpose', [input], { perm: axes(node, context) })],

  transpose(node, [gradient], context) {
    const perm = axes(node, context)
    return [context.builder.add('Transpose', [gradient!], { perm: perm.map((_, axis) => perm.indexOf(axis)) })]
  },

  terms: () => 1,
  fanOut: () => 1,
}

function axes(node: GraphNode, context: RuleContext): readonly number[] {
  const perm =
    intsAttribute(node, 'perm') ??
    context
      .shape(node.inputs[0])
      .map((_, axis) => axis)
      .reverse()
  return perm[0] === 0 ? perm : refuse(node, 'it moves the batch axis')
}

export const transpose: Operator = { name: 'Transpose', linear: () => permutation }
