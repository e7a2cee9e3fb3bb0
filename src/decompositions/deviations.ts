import { elementCount, type GraphNode, isBatch, type TypedGraph } from '../graph/graph.js'
import { numbers } from './decomposition.js'

/**
 * Notes where the runtime may compute a variance as E(x²) − E(x)²: its kernels for layer and group normalisation do, and
 * it takes these for nodes that spell the normalisation out. That is off by roundings of E(x²), which may be far larger
 * than the variance E((x − E(x))²) of the graph.
 */
export function withDeviations(graph: TypedGraph): TypedGraph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const values = new Map(graph.values)
  const nodes = graph.nodes.flatMap((node) => {
    const centred = squareRootOf(node.operator === 'ReduceMean' ? producers.get(node.inputs[0]) : undefined, graph)
    const difference = centred === undefined ? undefined : producers.get(centred)
    if (difference?.operator !== 'Sub') return [node]
    const [value, mean] = difference.inputs
    const meanNode = producers.get(mean)
    if (meanNode?.operator !== 'ReduceMean' || meanNode.inputs[0] !== value) return [node]
    const [output] = node.outputs
    const [squares, meanSquare] = [`${output}:squares`, `${output}:mean square`]
    values.set(squares, values.get(value)!)
    values.set(meanSquare, values.get(output)!)
    const made = { name: '', domain: '' }
    return [
      { ...made, operator: 'Mul', inputs: [value, value], outputs: [squares], attributes: new Map() },
      { ...node, ...made, inputs: [squares, ...node.inputs.slice(1)], outputs: [meanSquare] },
      { ...node, deviation: { of: meanSquare, roundings: 4 * summands(node, graph) + 32 } },
    ]
  })
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, values }
}

/** What a node squares. */
function squareRootOf(node: GraphNode | undefined, graph: TypedGraph): string | undefined {
  if (!node) return undefined
  const [first, second] = node.inputs
  if (node.operator === 'Mul' && first === second) return first
  if (node.operator !== 'Pow') return undefined
  return numbers(graph.constants.get(second))?.every((exponent) => exponent === 2) ? first : undefined
}

function summands(node: GraphNode, graph: TypedGraph): number {
  const [before, after] = [node.inputs[0], node.outputs[0]].map((value) => {
    const sizes = graph.values.get(value)!.shape.map((size) => (isBatch(size) ? size.batch : size))
    return elementCount(sizes)
  })
  return before / after
}
