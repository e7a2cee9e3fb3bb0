import { elementCount, type GraphNode, intAttribute } from '../graph/graph.js'
import { constantInts } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { rowsOf, sampleAxis, sampleShape } from './samples.js'

function reduction(name: 'ReduceSum' | 'ReduceMean'): LinearRules {
  return {
    apply(node, [input], context) {
      const { builder } = context
      const axes = axesOf(node, context)
      if (axes.length === 0) return [input]
      return [builder.add(name, [input, builder.ints(axes)], { keepdims: intAttribute(node, 'keepdims', 1) })]
    },

    transpose(node, [gradient], context) {
      const { builder } = context
      const axes = axesOf(node, context)
      if (axes.length === 0) return [gradient]
      const shape = sampleShape(node.inputs[0], node, context)
      const kept = shape.map((size, index) => (axes.includes(index + 1) ? 1 : size))
      const aligned = intAttribute(node, 'keepdims', 1)
        ? gradient!
        : builder.add('Reshape', [gradient!, rowsOf(kept, builder)])
      const count = summands(node, context)
      const shared = name === 'ReduceMean' ? builder.add('Div', [aligned, builder.scalar(count)]) : aligned
      return [builder.add('Expand', [shared, builder.ints([1, ...shape])])]
    },

    // One more for the division.
    terms: (node, context) => summands(node, context) + (name === 'ReduceMean' ? 1 : 0),
    fanOut: () => 1,
  }
}

function summands(node: GraphNode, context: RuleContext): number {
  const shape = sampleShape(node.inputs[0], node, context)
  return elementCount(axesOf(node, context).map((axis) => shape[axis - 1]))
}

function axesOf(node: GraphNode, context: RuleContext): readonly number[] {
  const rank = sampleShape(node.inputs[0], node, context).length + 1
  const given = node.inputs[1]
    ? (constantInts(node.inputs[1], context) ?? refuse(node, 'its axes are not constant'))
    : []
  if (given.length > 0) return given.map((axis) => sampleAxis(axis, rank, node))
  return intAttribute(node, 'noop_with_empty_axes', 0) ? [] : refuse(node, 'it works along the batch axis')
}

const reductionOperator = (name: 'ReduceSum' | 'ReduceMean'): Operator => {
  const rules = reduction(name)
  return { name, linear: () => rules }
}

export const reduceSum = reductionOperator('ReduceSum')
export const reduceMean = reductionOperator('ReduceMean')
