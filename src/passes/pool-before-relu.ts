import type { GraphNode, TypedGraph } from '../graph/graph.js'

/**
 * Swaps Relu → MaxPool for MaxPool → Relu where nothing else reads the values between them. Relu never decreases, so
 * the output is the same to the last bit and the same element of each window is chosen wherever the gradient is not
 * zero; but the mask of the Relu is needed at the pooled size only.
 */
export function poolBeforeRelu(graph: TypedGraph): TypedGraph {
  const values = new Map(graph.values)
  const swapped = new Map<GraphNode, GraphNode>()
  for (const pool of graph.nodes) {
    const relu = graph.nodes.find(({ outputs }) => outputs[0] === pool.inputs[0])
    if (pool.operator !== 'MaxPool' || relu?.operator !== 'Relu' || pool.outputs.length > 1) continue
    const [between] = relu.outputs
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(between))
    if (readers.length > 1 || graph.outputs.some(({ name }) => name === between)) continue
    const pooled = `${between}:pooled`
    values.set(pooled, graph.values.get(pool.outputs[0])!)
    swapped.set(relu, { ...pool, inputs: relu.inputs, outputs: [pooled] })
    swapped.set(pool, { ...relu, inputs: [pooled], outputs: pool.outputs })
  }
  return { ...graph, values, nodes: graph.nodes.map((node) => swapped.get(node) ?? node) }
}
