import type { GraphNode, TypedGraph } from '../graph/graph.js'
import type { RuleContext } from '../operators/operator.js'

/**
 * Carries coefficients over values back through the nodes of a graph, and adds those up that meet at a value.
 * @param seeds Names of the coefficients to start from, by the values that they are over.
 * @param step Gives those over a node's inputs, from those over its outputs, at least one of which there is; undefined
 * where there are none.
 * @returns Those over all values on the way.
 */
export function carryBack(
  graph: TypedGraph,
  seeds: ReadonlyMap<string, string>,
  { builder, isActivation }: RuleContext,
  step: (node: GraphNode, outputs: readonly (string | undefined)[]) => readonly (string | undefined)[],
): Map<string, string> {
  const carried = new Map(seeds)
  for (const node of graph.nodes.toReversed()) {
    const outputs = node.outputs.map((output) => carried.get(output))
    if (outputs.every((coefficients) => coefficients === undefined)) continue
    step(node, outputs).forEach((arriving, index) => {
      const input = node.inputs[index]
      if (arriving === undefined || !isActivation(input)) return
      const known = carried.get(input)
      carried.set(input, known === undefined ? arriving : builder.add('Add', [known, arriving]))
    })
  }
  return carried
}
