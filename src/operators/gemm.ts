import { float } from '../graph/builder.js'
import { floatAttribute, type GraphNode, intAttribute } from '../graph/graph.js'
import { coefficient, foldedRoundings } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'

/** y = α·A·B + β·C with A an activation and constants B, possibly transposed, and C. */
const dense: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const [, weight, constant] = node.inputs
    const factor = (name: string) => {
      const value = floatAttribute(node, name, 1)
      return float(absolute ? Math.abs(value) : value)
    }
    const inputs = [input, coefficient(weight, absolute, context)]
    if (bias && constant) inputs.push(coefficient(constant, absolute, context))
    return [
      context.builder.add('Gemm', inputs, {
        alpha: factor('alpha'),
        beta: factor('beta'),
        transB: intAttribute(node, 'transB', 0),
      }),
    ]
  },

  transpose(node, [gradient], context) {
    const product = context.builder.add('Gemm', [gradient!, context.weight(node.inputs[1])], {
      alpha: float(floatAttribute(node, 'alpha', 1)),
      transB: 1 - intAttribute(node, 'transB', 0),
    })
    return [product, undefined, undefined]
  },

  terms: (node, context) => (context.shape(node.inputs[0])[1] as number) + 1 + foldedRoundings,
  fanOut: (node, context) => (context.shape(node.outputs[0])[1] as number) + 1,
}

function isDense(node: GraphNode, context: RuleContext): boolean {
  return (
    context.isActivation(node.inputs[0]) &&
    intAttribute(node, 'transA', 0) === 0 &&
    node.inputs.slice(1).every((input) => input === '' || !context.isActivation(input))
  )
}

export const gemm: Operator = {
  name: 'Gemm',
  linear: (node, context) => (isDense(node, context) ? dense : undefined),
}
