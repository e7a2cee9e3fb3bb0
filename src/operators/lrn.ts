import { floatAttribute, type GraphNode, intAttribute } from '../graph/graph.js'
import type { DerivativeContext, Operator, RuleContext } from './operator.js'
import { padAxis } from './pad-axis.js'
import { sampleShape } from './samples.js'

/** y = x / s^β with s = bias + α/size · Σ x², summed over a window of channels */
export const lrn: Operator = {
  name: 'LRN',
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const { direct, pull, push } = slopes(node, context)
      const own = builder.add('Mul', [gradient!, direct])
      const sum = sumOverChannels(node, builder.add('Mul', [gradient!, pull]), context)
      return [builder.add('Sub', [own, builder.add('Mul', [sum, push])])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const { direct, pull, push } = slopes(node, context)
      const own = builder.add('Mul', [tangent!, direct])
      const sum = sumOverChannels(node, builder.add('Mul', [tangent!, push]), context)
      return [builder.add('Sub', [own, builder.add('Mul', [sum, pull])])]
    },
  },

  lower(node, [input], context) {
    const { builder } = context
    const power = builder.scalar(floatAttribute(node, 'beta', 0.75))
    return [builder.add('Div', [input, builder.add('Pow', [scaleOf(node, input, context), power])])]
  },
}

/** ∂y_i/∂x_j = direct_i·[i = j] − pull_i·push_j for j in the window of i */
function slopes(node: GraphNode, context: DerivativeContext) {
  const { builder } = context
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1e-4), floatAttribute(node, 'beta', 0.75)]
  const input = context.value(node.inputs[0])
  const scale = scaleOf(node, input, context)
  const direct = builder.add('Pow', [scale, builder.scalar(-beta)])
  const pull = builder.add('Div', [builder.add('Mul', [input, direct]), scale])
  const push = builder.add('Mul', [input, builder.scalar((2 * alpha * beta) / intAttribute(node, 'size', 1))])
  return { direct: context.rows(direct), pull: context.rows(pull), push: context.rows(push) }
}

function scaleOf(node: GraphNode, input: string, context: RuleContext): string {
  const { builder } = context
  const weight = builder.scalar(floatAttribute(node, 'alpha', 1e-4) / intAttribute(node, 'size', 1))
  const sum = sumOverChannels(node, builder.add('Mul', [input, input]), context)
  return builder.add('Add', [builder.add('Mul', [sum, weight]), builder.scalar(floatAttribute(node, 'bias', 1))])
}

/** Windows are symmetric: onnxruntime runs no LRN of even size. */
function sumOverChannels(node: GraphNode, value: string, context: RuleContext): string {
  const { builder } = context
  const [channels, ...sizes] = sampleShape(node.inputs[0], node, context)
  const size = intAttribute(node, 'size', 1)
  const reach = (size - 1) / 2
  const padded = padAxis(value, 1, sizes.length + 2, reach, reach, builder)
  const shifted = Array.from({ length: size }, (_, start) =>
    builder.add('Slice', [padded, builder.ints([start]), builder.ints([start + channels]), builder.ints([1])]),
  )
  return builder.add('Sum', shifted)
}
