import { UnsupportedOperatorError, withoutGradients } from '../errors.js'
import { type GraphNode, nodeLabel, type TypedGraph } from '../graph/graph.js'
import type { DerivativeContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'

/**
 * Forward mode: emits the nodes that carry a tangent of the model's input (one slice per row) to every activation.
 * Returns the tangents by the names of the analysed graph.
 * @throws UnsupportedOperatorError when a node has no tangent rule.
 */
export function emitTangent(
  graph: TypedGraph,
  tangentOfInput: string,
  context: DerivativeContext,
): Map<string, string> {
  const [input] = graph.inputs
  const tangents = new Map([[input.name, tangentOfInput]])
  for (const node of graph.nodes) {
    if (!node.outputs.some((output) => context.isActivation(output))) continue
    const inputs = node.inputs.map((value) => tangents.get(value))
    jvp(node, inputs, context).forEach((tangent, index) => tangents.set(node.outputs[index], tangent))
  }
  return tangents
}

function jvp(node: GraphNode, tangents: readonly (string | undefined)[], context: DerivativeContext): string[] {
  const operator = findOperator(node)
  const linear = operator?.linear?.(node, context)
  if (linear) {
    const inputs = tangents.map((tangent) => tangent ?? '')
    return linear.apply(node, inputs, context, { absolute: false, bias: false })
  }
  if (operator?.elementwise) {
    const slope = context.rows(operator.elementwise.derivative(node, context))
    const tangent = tangents.find((candidate) => candidate !== undefined)!
    return [context.builder.add('Mul', [tangent, slope])]
  }
  if (operator?.derivative) return operator.derivative.jvp(node, tangents, context)
  throw new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'tangent',
    remedy: withoutGradients,
  })
}
