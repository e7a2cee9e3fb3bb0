import type { Graph } from './graph.js'

/** The same graph with other names for its values; an omitted input keeps its empty name. */
export function mapNames(graph: Graph, rename: (name: string) => string): Graph {
  const unlessOmitted = (name: string) => (name === '' ? '' : rename(name))
  return {
    ...graph,
    inputs: graph.inputs.map((port) => ({ ...port, name: rename(port.name) })),
    outputs: graph.outputs.map((port) => ({ ...port, name: rename(port.name) })),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(unlessOmitted),
      outputs: node.outputs.map(unlessOmitted),
    })),
    constants: new Map([...graph.constants].map(([name, tensor]) => [rename(name), tensor])),
  }
}
