import { elementCount, type GraphNode } from '../graph/graph.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { sampleShape } from './samples.js'

const average: LinearRules = {
  apply(node, [input], context) {
    const { builder } = context
    if (builder.precision === 'float32') return [builder.add('GlobalAveragePool', [input])]
    const axes = spatialSizes(node, context).map((_, axis) => axis + 2)
    return [builder.add('ReduceMean', [input, builder.ints(axes)], { keepdims: 1 })]
  },

  transpose(node, [gradient], context) {
    const { builder } = context
    const sizes = spatialSizes(node, context)
    const shared = builder.add('Div', [gradient!, builder.scalar(elementCount(sizes))])
    return [builder.add('Expand', [shared, builder.ints([1, 1, ...sizes])])]
  },

  // One more for the division.
  terms: (node, context) => elementCount(spatialSizes(node, context)) + 1,
  fanOut: () => 1,
}

function spatialSizes(node: GraphNode, context: RuleContext): readonly number[] {
  return sampleShape(node.inputs[0], node, context).slice(1)
}

export const globalAveragePool: Operator = {
  name: 'GlobalAveragePool',
  linear: () => average,
  lower: (node, inputs, context) => average.apply(node, inputs, context, { absolute: false, bias: true }),
}
