import { GraphBuilder } from '../graph/builder.js'
import type { Graph, GraphNode, Tensor, TypedGraph } from '../graph/graph.js'
import { mapNames } from '../graph/map-names.js'
import { findActivations } from '../passes/context.js'
import type { Decomposition } from './decomposition.js'
import { einsum } from './einsum.js'
import { elementwise } from './elementwise.js'
import { finiteMask } from './masks.js'
import { normalizations } from './normalizations.js'
import { quantizations } from './quantization.js'
import { rearrangements } from './rearrangements.js'
import { recurrences } from './recurrent.js'
import { reductions } from './reductions.js'
import { resize } from './resize.js'

/** Every operator that is analysed by its parts. Adding one is adding it to a file of its family. */
export const decompositions: ReadonlyMap<string, Decomposition> = new Map(
  [
    ...normalizations,
    einsum,
    resize,
    ...recurrences,
    ...quantizations,
    ...elementwise,
    ...rearrangements,
    ...reductions,
  ].map((decomposition) => [decomposition.operator, decomposition]),
)

interface Parts {
  readonly nodes: readonly GraphNode[]
  readonly constants: ReadonlyMap<string, Tensor>
}

/**
 * The same function with operators that have rules in place of those that have none: each {@link decompositions} once,
 * an If whose condition is constant by its branch, and a {@link finiteMask}. Undefined where there is nothing to replace.
 */
export function rewriteGraph(graph: TypedGraph): Graph | undefined {
  const activations = findActivations(graph)
  const nodes: GraphNode[] = []
  const constants = new Map(graph.constants)
  let isRewritten = false
  for (const node of graph.nodes) {
    const parts =
      node.operator === 'If'
        ? chosenBranch(node, graph)
        : (decomposed(node, graph, activations) ?? finiteMask(node, graph))
    if (!parts) {
      nodes.push(node)
      continue
    }
    isRewritten = true
    nodes.push(...parts.nodes)
    for (const [name, tensor] of parts.constants) constants.set(name, tensor)
  }
  const { opset, inputs, outputs } = graph
  return isRewritten ? { opset, inputs, outputs, nodes, constants } : undefined
}

function decomposed(node: GraphNode, graph: TypedGraph, activations: ReadonlySet<string>): Parts | undefined {
  const decomposition = node.domain === '' ? decompositions.get(node.operator) : undefined
  if (!decomposition || !node.inputs.some((input) => activations.has(input))) return undefined
  const builder = new GraphBuilder(graph.opset, 'float32', { count: 0, prefix: `${nameOf(node)}:part ` })
  const context = {
    graph,
    builder,
    shape: (value: string) => graph.values.get(value)!.shape,
    constant: (value: string | undefined) => (value ? graph.constants.get(value) : undefined),
  }
  const outputs = decomposition.decompose(node, context)
  if (!outputs) return undefined
  outputs.forEach((output, index) => {
    if (node.outputs[index]) builder.output(node.outputs[index], output)
  })
  const parts = builder.build()
  // Messages about a part name the node of the file.
  const name = node.name || nameOf(node).replace(/^model\//, '')
  const { coversRounding } = decomposition
  const isCovered = typeof coversRounding === 'boolean' ? coversRounding : coversRounding(node, context)
  const partOf = node.partOf ?? (isCovered ? undefined : node)
  return {
    ...parts,
    nodes: parts.nodes.map((part, index) => ({ ...part, name: `${name} (part ${index + 1})`, partOf })),
  }
}

/** Exporters write "if this axis has size 1" where the size is known. */
function chosenBranch(node: GraphNode, graph: TypedGraph): Parts | undefined {
  const condition = graph.constants.get(node.inputs[0])
  const branch = condition && node.attributes.get(Number(condition.data[0]) === 1 ? 'then_branch' : 'else_branch')
  if (branch?.kind !== 'graph') return undefined
  const own = new Set([...branch.value.constants.keys(), ...branch.value.nodes.flatMap(({ outputs }) => outputs)])
  const renamed = mapNames(branch.value, (name) => (own.has(name) ? `${nameOf(node)}:branch ${name}` : name))
  const results = renamed.outputs.map(
    ({ name }, index): GraphNode => ({
      operator: 'Identity',
      name: '',
      domain: '',
      inputs: [name],
      outputs: [node.outputs[index]],
      attributes: new Map(),
    }),
  )
  return { nodes: [...renamed.nodes, ...results], constants: renamed.constants }
}

/** A name that no other node has: a value is made once. */
function nameOf({ outputs }: GraphNode): string {
  return outputs.find((output) => output !== '')!
}
