import type { TypedGraph } from './graph.js'

/** Finds something out about a value of a graph once, and remembers it for as long as there is the graph. */
export function perValue<Found>(find: (graph: TypedGraph, value: string) => Found) {
  const known = new WeakMap<TypedGraph, Map<string, Found>>()
  return (graph: TypedGraph, value: string): Found => {
    const ofGraph = known.get(graph) ?? new Map<string, Found>()
    known.set(graph, ofGraph)
    if (!ofGraph.has(value)) ofGraph.set(value, find(graph, value))
    return ofGraph.get(value)!
  }
}

/** The same about a graph as a whole. */
export function perGraph<Found>(find: (graph: TypedGraph) => Found) {
  const ofWhole = perValue(find)
  return (graph: TypedGraph): Found => ofWhole(graph, '')
}
