import type { Graph, GraphNode } from '../graph/graph.js'

const reshaping = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose'])

/** The node that the output comes out of, but for those that give it another shape. Undefined where that is the input. */
export function lastNode({ nodes, outputs: [{ name }] }: Pick<Graph, 'nodes' | 'outputs'>): GraphNode | undefined {
  const makes = (value: string) => nodes.find(({ outputs }) => outputs.includes(value))
  let last = makes(name)
  while (last && reshaping.has(last.operator)) last = makes(last.inputs[0])
  return last
}
