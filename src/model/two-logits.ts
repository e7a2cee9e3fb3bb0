import { featureShape, type GraphNode, isBatch, type Tensor, type TypedGraph } from '../graph/graph.js'
import { lastNode } from './last-node.js'

/** Whether a model gives one number per sample: the score of class 1 against class 0. */
export function isSingleScore(shape: readonly number[] | undefined): boolean {
  return shape?.length === 0 || (shape?.length === 1 && shape[0] === 1)
}

/**
 * A binary classifier with a single score as one with two logits: 0 for class 0 and the score for class 1, so that
 * class 1 is predicted where the score is positive.
 */
export function withTwoLogits(graph: TypedGraph): TypedGraph {
  const [{ name: score }] = graph.outputs
  const constants = new Map<string, Tensor>(graph.constants)
  const values = new Map(graph.values)
  const nodes = [...graph.nodes]
  const add = (operator: string, input: string, constant: Tensor, name: string) => {
    constants.set(`${name}:with`, constant)
    values.set(`${name}:with`, constant)
    nodes.push({ operator, name, domain: '', inputs: [input, `${name}:with`], outputs: [name], attributes: new Map() })
    return name
  }
  const { shape } = values.get(score)!
  let column = score
  if (featureShape(shape)!.length === 0) {
    column = add('Unsqueeze', score, { type: 'int64', shape: [1], data: BigInt64Array.of(1n) }, 'score:column')
    values.set(column, { type: 'float32', shape: [shape[0], 1] })
  }
  const weights: Tensor = { type: 'float32', shape: [1, 2], data: Float32Array.of(0, 1) }
  const logits = add('Gemm', column, weights, 'score:logits')
  values.set(logits, { type: 'float32', shape: [shape[0], 2] })
  return { ...graph, nodes, constants, values, outputs: [{ name: logits }] }
}

/**
 * A single score without the Sigmoid at its end, if there is one: the probability is above one half where the score is
 * positive, and cross-entropy and margin are those of the score.
 */
export function withoutSigmoid(graph: TypedGraph): TypedGraph {
  const last = lastNodeOfScore(graph)
  if (last?.operator !== 'Sigmoid') return graph
  return { ...graph, nodes: graph.nodes.map((node) => (node === last ? { ...node, operator: 'Identity' } : node)) }
}

const reductions = new Set(['ReduceMean', 'ReduceSum'])

/** The last node, but for those that give a single score another shape, or are the mean of nothing but it. */
function lastNodeOfScore(graph: TypedGraph): GraphNode | undefined {
  const last = lastNode(graph)
  if (!last || !reductions.has(last.operator)) return last
  const [input] = last.inputs
  const sizes = graph.values.get(input)!.shape.filter((size) => !isBatch(size))
  return sizes.every((size) => size === 1) ? lastNodeOfScore({ ...graph, outputs: [{ name: input }] }) : last
}
