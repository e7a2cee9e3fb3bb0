import { elementCount, floatAttribute, type GraphNode, intAttribute } from '../graph/graph.js'
import type { DerivativeContext, Operator, RuleContext } from './operator.js'
import { rowsOf, sampleShape } from './samples.js'

/** y = x / s^β with s = bias + α/size · Σ x², summed over a window of channels */
export const lrn: Operator = {
  name: 'LRN',
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const { direct, pull, push } = slopes(node, context)
      const own = builder.add('Mul', [gradient!, direct])
      const sum = sumOverChannels(node, builder.add('Mul', [gradient!, pull]), context, { transposed: true })
      return [builder.add('Sub', [own, builder.add('Mul', [sum, push])])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const { direct, pull, push } = slopes(node, context)
      const own = builder.add('Mul', [tangent!, direct])
      const sum = sumOverChannels(node, builder.add('Mul', [tangent!, push]), context, { transposed: false })
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
  const sum = sumOverChannels(node, builder.add('Mul', [input, input]), context, { transposed: false })
  return builder.add('Add', [builder.add('Mul', [sum, weight]), builder.scalar(floatAttribute(node, 'bias', 1))])
}

function sumOverChannels(
  node: GraphNode,
  value: string,
  context: RuleContext,
  { transposed }: { transposed: boolean },
): string {
  const { builder } = context
  const shape = sampleShape(node.inputs[0], node, context)
  const [channels, ...sizes] = shape
  const size = intAttribute(node, 'size', 1)
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const window = Float64Array.from({ length: channels * channels }, (_, index) => {
    const [row, column] = [Math.floor(index / channels), index % channels]
    const offset = transposed ? row - column : column - row
    return offset >= -before && offset <= after ? 1 : 0
  })
  const flat = builder.add('Reshape', [value, rowsOf([channels, elementCount(sizes)], builder)])
  const sum = builder.add('MatMul', [builder.floats(window, [channels, channels]), flat])
  return builder.add('Reshape', [sum, rowsOf(shape, builder)])
}
