import type { GraphBuilder } from '../graph/builder.js'
import { bodiesOf, type GraphNode, type TypedGraph, usedBy } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
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
  const isWide = builder.precision === 'float64'
  for (const node of graph.nodes) {
    if (isWide && !node.outputs.some((output) => output !== '' && context.isActivation(output))) {
      emitFixed(node, names, context)
      continue
    }
    const inputs = node.inputs.map(place)
    const operator = findOperator(node)
    if (isWide && operator?.lower) {
      const outputs = operator.lower(node, inputs, context)
      outputs.forEach((output, index) => names.set(node.outputs[index], output))
      continue
    }
    // Bodies take constants from around them.
    for (const value of bodiesOf(node).length > 0 ? usedBy(node) : [])
      if (context.constant(value)) context.weight(value)
    builder.node({ ...node, inputs })
    for (const output of node.outputs) names.set(output, output)
  }
  return names
}

/** What follows the batch without depending on the input is computed as the file has it, and cast for what takes it. */
function emitFixed(node: GraphNode, names: Map<string, string>, context: RuleContext): void {
  const { builder, graph } = context
  const fixed = (value: string) => `fixed ${value}`
  const inputs = node.inputs.map((input) => {
    const tensor = context.constant(input)
    if (tensor) return builder.once(fixed(input), () => builder.constant(tensor))
    return input === '' || context.isActivation(input) ? (names.get(input) ?? '') : fixed(input)
  })
  builder.node({ ...node, inputs, outputs: node.outputs.map((output) => output && fixed(output)) })
  for (const output of node.outputs) {
    const isFloat = graph.values.get(output)?.type === 'float32'
    names.set(output, isFloat ? asNumber(fixed(output), builder) : fixed(output))
  }
}

/** Declares the model's inputs in the graph being built. */
export function declareInputs(graph: TypedGraph, builder: GraphBuilder): void {
  for (const { name, shape } of graph.inputs) builder.input(name, builder.precision, shape!)
}
