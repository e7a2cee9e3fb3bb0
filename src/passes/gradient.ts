import { UnsupportedOperatorError, withoutGradients } from '../errors.js'
import { type GraphNode, nodeLabel, type TypedGraph } from '../graph/graph.js'
import type { DerivativeContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { carryBack } from './carry-back.js'

/**
 * Reverse mode: emits the nodes that carry gradients from values of the forward pass back to the model's input.
 * `seeds` maps forward values to their gradients, one slice per row; the result is the input's gradient in the same layout.
 * @throws UnsupportedOperatorError when a node on the way has no gradient rule.
 */
export function emitGradient(
  graph: TypedGraph,
  seeds: ReadonlyMap<string, string>,
  context: DerivativeContext,
): string {
  const { builder } = context
  const gradients = carryBack(graph, seeds, context, (node, outputs) => vjp(node, outputs, context))
  const [input] = graph.inputs
  const gradient = gradients.get(input.name)
  // An output that ignores the input has a gradient all the same: zero.
  return gradient ?? builder.add('Mul', [context.rows(context.value(input.name)), builder.scalar(0)])
}

function vjp(
  node: GraphNode,
  gradients: readonly (string | undefined)[],
  context: DerivativeContext,
): (string | undefined)[] {
  const operator = findOperator(node)
  const linear = operator?.linear?.(node, context)
  if (linear) return linear.transpose(node, gradients, context)
  if (operator?.elementwise) {
    const slope = context.rows(operator.elementwise.derivative(node, context))
    return node.inputs.map((input) =>
      context.isActivation(input) ? context.builder.add('Mul', [gradients[0]!, slope]) : undefined,
    )
  }
  if (operator?.derivative) return operator.derivative.vjp(node, gradients, context)
  throw new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'gradient',
    remedy: withoutGradients,
  })
}
