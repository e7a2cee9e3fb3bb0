import { floatAttribute, type GraphNode, intAttribute } from '../graph/graph.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'

/** y = α·A·B + β·C with A an activation and B a constant, either possibly transposed. */
const dense: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const { builder } = context
    const [, weight, constant] = node.inputs
    const sized = (value: string) => (absolute ? builder.add('Abs', [context.weight(value)]) : context.weight(value))
    const sign = (name: string) => ({
      kind: 'float' as const,
      value: absolute ? Math.abs(floatAttribute(node, name, 1)) : floatAttribute(node, name, 1),
    })
    const inputs = [input, sized(weight)]
    if (bias && constant) inputs.push(sized(constant))
    return [
      builder.add('Gemm', inputs, {
        alpha: sign('alpha'),
        beta: sign('beta'),
        transA: intAttribute(node, 'transA', 0),
        transB: intAttribute(node, 'transB', 0),
      }),
    ]
  },

  transpose(node, [gradient], context) {
    const product = context.builder.add('Gemm', [gradient!, context.weight(node.inputs[1])], {
      alpha: { kind: 'float', value: floatAttribute(node, 'alpha', 1) },
      transB: 1 - intAttribute(node, 'transB', 0),
    })
    return [product, undefined, undefined]
  },

  terms(node, context) {
    const [input, weight] = node.inputs
    const width = context.shape(input).at(-1)
    return (typeof width === 'number' ? width : context.constant(weight)!.shape[0]) + 1
  },
}

const isDense = (node: GraphNode, context: RuleContext) =>
  context.isActivation(node.inputs[0]) &&
  intAttribute(node, 'transA', 0) === 0 &&
  node.inputs.slice(1).every((input) => input === '' || !context.isActivation(input))

export const gemm: Operator = {
  name: 'Gemm',
  linear: (node, context) => (isDense(node, context) ? dense : undefined),
}
