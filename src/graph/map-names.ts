import { type Graph, mapBodies, type TypedGraph } from './graph.js'

/** The same graph with other names for its values, in the bodies of its nodes too; an omitted input keeps its empty name. */
export function mapNames(graph: Graph, rename: (name: string) => string): Graph {
  const unlessOmitted = (name: string) => (name === '' ? '' : rename(name))
  return {
    ...graph,
    inputs: graph.inputs.map((port) => ({ ...port, name: rename(port.name) })),
    outputs: graph.outputs.map((port) => ({ ...port, name: rename(port.name) })),
    nodes: graph.nodes.map((node) => ({
      ...mapBodies(node, (body) => mapNames(body, rename)),
      inputs: node.inputs.map(unlessOmitted),
      outputs: node.outputs.map(unlessOmitted),
    })),
    constants: new Map([...graph.constants].map(([name, tensor]) => [rename(name), tensor])),
  }
}

/** {@link mapNames} of a graph with types. */
export function mapTypedNames(graph: TypedGraph, rename: (name: string) => string): TypedGraph {
  return {
    ...mapNames(graph, rename),
    values: new Map([...graph.values].map(([name, type]) => [rename(name), type])),
    alike: new Map([...graph.alike].map(([name, tensor]) => [rename(name), tensor])),
  }
}
