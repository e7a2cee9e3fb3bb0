import { GraphBuilder } from '../graph/builder.js'
import type { Graph, GraphNode, Tensor, TypedGraph } from '../graph/graph.js'
import { mapNames } from '../graph/map-names.js'
import { findActivations } from '../passes/context.js'
import type { Decomposition } from './decomposition.js'
import { einsum } from './einsum.js'
import { elementwise } from './elementwise.js'
import { indexings } from './indexing.js'
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
    ...indexings,
    ...reductions,
  ].map((decomposition) => [decomposition.operator, decomposition]),
)

interface Parts {
  readonly nodes: readonly GraphNode[]
  readonly constants: ReadonlyMap<string, Tensor>
}

/**
 * The same function with operators that have rules in place of those that have none: each {@link decompositions} once,
 * an If by its branches, a Clip between values that depend on the input, and a {@link finiteMask}. Undefined where there is nothing to replace.
 */
export function rewriteGraph(graph: TypedGraph): Graph | undefined {
  const activations = findActivations(graph)
  const nodes: GraphNode[] = []
  const constants = new Map(graph.constants)
  let isRewritten = false
  for (const node of graph.nodes) {
    const parts =
      node.operator === 'If'
        ? bothBranches(node, graph)
        : (decomposed(node, graph, activations) ?? clipByValues(node, graph, activations) ?? finiteMask(node, graph))
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
  const builder = partsBuilder(node, graph)
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
  const parts = named(builder.build(), node)
  const { coversRounding } = decomposition
  const isCovered = typeof coversRounding === 'boolean' ? coversRounding : coversRounding(node, context)
  const partOf = node.partOf ?? (isCovered ? undefined : node)
  return { ...parts, nodes: parts.nodes.map((part) => ({ ...part, partOf })) }
}

/**
 * The same graph with each If by its branch whose condition is among the given constants: exporters write "if this axis
 * has size 1" where the size is known. Undefined where there is none.
 */
export function chooseBranches(graph: Graph, known: ReadonlyMap<string, Tensor>): Graph | undefined {
  const constants = new Map(graph.constants)
  let isChosen = false
  const nodes = graph.nodes.flatMap((node) => {
    const condition = node.operator === 'If' ? known.get(node.inputs[0]) : undefined
    const side = Number(condition?.data[0]) === 1 ? 'then_branch' : 'else_branch'
    const branch = condition && inlined(node, side, node.outputs)
    if (!branch) return [node]
    isChosen = true
    for (const [name, tensor] of branch.constants) constants.set(name, tensor)
    return branch.nodes
  })
  return isChosen ? { ...graph, nodes, constants } : undefined
}

/** An If whose condition depends on the input: both branches, and what chooses between them. */
function bothBranches(node: GraphNode, graph: TypedGraph): Parts | undefined {
  const [condition] = node.inputs
  const [chosen, otherwise] = ['then', 'else'].map((side) => node.outputs.map((output) => `${output}:${side}`))
  const branches = [inlined(node, 'then_branch', chosen), inlined(node, 'else_branch', otherwise)]
  const ranks = [condition, ...node.outputs].map((value) => graph.values.get(value)?.shape.length)
  const isCovered = ranks.every((rank) => rank !== undefined && rank >= ranks[0]!)
  if (!isCovered || branches.some((branch) => branch === undefined)) return undefined
  const builder = partsBuilder(node, graph)
  node.outputs.forEach((output, index) => {
    const missing = Array.from({ length: ranks[index + 1]! - ranks[0]! }, (_, axis) => ranks[0]! + axis)
    const aligned = missing.length > 0 ? builder.add('Unsqueeze', [condition, builder.ints(missing)]) : condition
    builder.output(output, builder.add('Where', [aligned, chosen[index], otherwise[index]]))
  })
  const choice = named(builder.build(), node)
  return {
    nodes: [...branches.flatMap((branch) => branch!.nodes), ...choice.nodes],
    constants: new Map([...branches.flatMap((branch) => [...branch!.constants]), ...choice.constants]),
  }
}

/** The nodes of a branch, with its results under the given names. */
function inlined(node: GraphNode, side: string, outputs: readonly string[]): Parts | undefined {
  const branch = node.attributes.get(side)
  if (branch?.kind !== 'graph') return undefined
  const own = new Set([...branch.value.constants.keys(), ...branch.value.nodes.flatMap(({ outputs }) => outputs)])
  const renamed = mapNames(branch.value, (name) => (own.has(name) ? `${nameOf(node)}:${side} ${name}` : name))
  const results = renamed.outputs.map(
    ({ name }, index): GraphNode => ({
      operator: 'Identity',
      name: '',
      domain: '',
      inputs: [name],
      outputs: [outputs[index]],
      attributes: new Map(),
    }),
  )
  return { nodes: [...renamed.nodes, ...results], constants: renamed.constants }
}

/** A Clip whose bounds depend on the input: they are scalars, which get the axes of what they are compared with. */
function clipByValues(node: GraphNode, graph: TypedGraph, activations: ReadonlySet<string>): Parts | undefined {
  const [value, lowest = '', highest = ''] = node.inputs
  if (node.operator !== 'Clip' || !(activations.has(lowest) || activations.has(highest))) return undefined
  const builder = partsBuilder(node, graph)
  const rank = graph.values.get(value)!.shape.length
  const sizes = builder.ints(Array.from({ length: rank }, () => 1))
  const bound = (operator: string, clipped: string, limit: string) =>
    limit ? builder.add(operator, [clipped, builder.add('Reshape', [limit, sizes])]) : clipped
  builder.output(node.outputs[0], bound('Min', bound('Max', value, lowest), highest))
  return named(builder.build(), node)
}

/** For nodes in the place of another, whose values have names that no others have. */
function partsBuilder(node: GraphNode, graph: TypedGraph): GraphBuilder {
  return new GraphBuilder(graph.opset, 'float32', { count: 0, prefix: `${nameOf(node)}:part ` })
}

/** Messages about a part name the node of the file. */
function named(parts: Parts, node: GraphNode): Parts {
  const name = node.name || nameOf(node).replace(/^model\//, '')
  return { ...parts, nodes: parts.nodes.map((part, index) => ({ ...part, name: `${name} (part ${index + 1})` })) }
}

/** A name that no other node has: a value is made once. */
function nameOf({ outputs }: GraphNode): string {
  return outputs.find((output) => output !== '')!
}
