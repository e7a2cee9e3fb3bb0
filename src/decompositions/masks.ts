import { lowestFloat32 } from '../geometry/float32.js'
import type { GraphNode, Tensor, TypedGraph } from '../graph/graph.js'

/**
 * A mask that is added before a Softmax, with the lowest number in place of −∞: it is as far below all others, and can be
 * calculated with. Undefined for other nodes.
 */
export function finiteMask(
  node: GraphNode,
  graph: TypedGraph,
): { readonly nodes: readonly GraphNode[]; readonly constants: ReadonlyMap<string, Tensor> } | undefined {
  const [output] = node.outputs
  const users = graph.nodes.filter(({ inputs }) => inputs.includes(output))
  if (node.operator !== 'Add' || users.length !== 1 || users[0].operator !== 'Softmax') return undefined
  const constants = new Map<string, Tensor>()
  const inputs = node.inputs.map((input) => {
    const mask = graph.constants.get(input)
    if (!(mask?.data instanceof Float32Array) || !mask.data.includes(Number.NEGATIVE_INFINITY)) return input
    const name = `${output}:finite mask`
    constants.set(name, { ...mask, data: mask.data.map((number) => Math.max(number, lowestFloat32)) })
    return name
  })
  return constants.size > 0 ? { nodes: [{ ...node, inputs }], constants } : undefined
}
