import { rewriteGraph } from '../decompositions/rewrite.js'
import type { TypedGraph } from '../graph/graph.js'
import { inferTypes } from './infer-types.js'

/** The same function in operators that have rules, as far as others can be taken apart. */
export async function decomposed(graph: TypedGraph, oneAtATime = false): Promise<TypedGraph> {
  let simpler = graph
  for (let next = rewriteGraph(graph); next; next = rewriteGraph(simpler)) simpler = await inferTypes(next, oneAtATime)
  return simpler
}
