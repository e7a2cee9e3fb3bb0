import { type Graph, type GraphNode, usedBy } from './graph.js'

/** Keeps the nodes and constants that the outputs need; a value that is also a constant needs no node. */
export function prune<G extends Graph>(graph: G): G {
  const needed = new Set(graph.outputs.map(({ name }) => name))
  const nodes: GraphNode[] = []
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.every((output) => graph.constants.has(output) || !needed.has(output))) continue
    nodes.push(node)
    for (const input of usedBy(node)) needed.add(input)
  }
  const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)))
  return { ...graph, nodes: nodes.reverse(), constants }
}
