import type { GraphBuilder } from '../graph/builder.js'
import type { TypedGraph } from '../graph/graph.js'
import type { RuleContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'

/**
 * Emits the model itself. In the model's own precision the nodes are copied as they stand; in float64 operators
 * without a float64 kernel are lowered. Returns the name of every forward value in the built graph; the model's input
 * must already be there under its own name.
 */
export function emitForward(graph: TypedGraph, context: RuleContext): Map<string, string> {
  const { builder } = context
  const names = new Map<string, string>(graph.inputs.map(({ name }) => [name, name]))
  const place = (input: string) => (input === '' ? '' : (names.get(input) ?? context.weight(input)))
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(place)
    const operator = findOperator(node)
    if (builder.precision === 'float64' && operator?.lower) {
      const outputs = operator.lower(node, inputs, context)
      outputs.forEach((output, index) => names.set(node.outputs[index], output))
      continue
    }
    builder.node({ ...node, inputs })
    for (const output of node.outputs) names.set(output, output)
  }
  return names
}

/** Declares the model's inputs in the graph being built. */
export function declareInputs(graph: TypedGraph, builder: GraphBuilder): void {
  for (const { name, shape } of graph.inputs) builder.input(name, builder.precision, shape!)
}
