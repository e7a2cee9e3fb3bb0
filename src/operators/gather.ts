import { type GraphNode, intAttribute } from '../graph/graph.js'
import { constantInts } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { rowsOf, sampleAxis, sampleShape } from './samples.js'
import { emitSelectionTranspose } from './selection.js'

const gathering: LinearRules = {
  apply(node, [input], context) {
    const { axis } = describe(node, context)
    return [context.builder.add('Gather', [input, context.weight(node.inputs[1])], { axis })]
  },

  transpose(node, [gradient], context) {
    const { builder } = context
    const { axis, shape, picked } = describe(node, context)
    const flat = [...shape.slice(0, axis - 1), picked.length, ...shape.slice(axis)]
    const isFlat = context.shape(node.inputs[1]).length === 1
    const alongAxis = isFlat ? gradient! : builder.add('Reshape', [gradient!, rowsOf(flat, builder)])
    return [emitSelectionTranspose(alongAxis, axis, shape.length + 1, picked, shape[axis - 1], builder)]
  },

  terms: () => 1,
}

function describe(node: GraphNode, context: RuleContext) {
  const shape = sampleShape(node.inputs[0], node, context)
  const axis = sampleAxis(intAttribute(node, 'axis', 0), shape.length + 1, node)
  const indices = constantInts(node.inputs[1], context) ?? refuse(node, 'its indices are not constant')
  const picked = indices.map((index) => (index < 0 ? index + shape[axis - 1] : index))
  return { axis, shape, picked }
}

export const gather: Operator = {
  name: 'Gather',
  linear: (node, context) => (context.isActivation(node.inputs[1]) ? undefined : gathering),
}
