import type { GraphNode, TypedGraph, ValueType } from '../../graph/graph.js'

/** The same function with max pools before the Relus, of which there are fewer then. */
export interface PoolsFirst {
  readonly graph: TypedGraph
  /** What the pools that were moved give now, by what gave the same before but for values below 0. */
  readonly outputs: ReadonlyMap<string, string>
}

export function isPool({ operator }: GraphNode): boolean {
  return operator === 'MaxPool' || operator === 'GlobalMaxPool'
}

/** A maximum of Relus is the Relu of the maximum, for float32 numbers too. Relus that others need as well stay. */
export function poolsFirst(graph: TypedGraph): PoolsFirst {
  const outputs = new Map<string, string>()
  const values = new Map<string, ValueType>(graph.values)
  let nodes: readonly GraphNode[] = graph.nodes
  const uses = (value: string) => nodes.filter(({ inputs }) => inputs.includes(value)).length
  for (const pool of graph.nodes) {
    if (!isPool(pool)) continue
    const relu = nodes.find(({ outputs: [output] }) => output === pool.inputs[0])
    const isKept = graph.outputs.some(({ name }) => name === pool.inputs[0])
    if (relu?.operator !== 'Relu' || isKept || uses(pool.inputs[0]) > 1 || pool.outputs.length > 1) continue
    const [output] = pool.outputs
    const pooled = `${output} before Relu`
    outputs.set(output, pooled)
    values.set(pooled, graph.values.get(output)!)
    const moved = [
      { ...pool, inputs: relu.inputs, outputs: [pooled] },
      { ...relu, inputs: [pooled], outputs: [output] },
    ]
    nodes = nodes.flatMap((node) => (node === relu ? [] : node === pool ? moved : [node]))
  }
  return { graph: { ...graph, nodes, values }, outputs }
}
