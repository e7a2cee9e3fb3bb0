import type { GraphBuilder } from '../graph/builder.js'
import { type Graph, mapBodies } from '../graph/graph.js'
import { mapNames } from '../graph/map-names.js'

/**
 * Emits all nodes of a graph, with the given values in the place of its inputs, and returns the values that are its outputs. What
 * is there already is not emitted again. `prefix` is for names that nothing else may have.
 */
export function emitGraph(
  { outputs, nodes, constants }: Graph,
  prefix: string,
  given: ReadonlyMap<string, string>,
  builder: GraphBuilder,
): ReadonlyMap<string, string> {
  const names = new Map(given)
  for (const [name, tensor] of constants) names.set(name, builder.constant(tensor))
  // Of what bodies make themselves.
  const nameOf = (name: string) => names.get(name) ?? `${prefix}${name}`
  for (const node of nodes) {
    const { attributes } = mapBodies(node, (body) => mapNames(body, nameOf))
    const operands = node.inputs.map((input) => (input === '' ? '' : nameOf(input)))
    const results = builder.addMany(node.operator, operands, node.outputs.length, Object.fromEntries(attributes))
    node.outputs.forEach((output, index) => {
      names.set(output, results[index])
    })
  }
  return new Map(outputs.map(({ name }) => [name, nameOf(name)]))
}
