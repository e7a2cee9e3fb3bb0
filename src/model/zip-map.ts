import { encodeModel } from '../graph/encode.js'
import type { GraphNode } from '../graph/graph.js'
import type { ModelFile } from './read-model.js'

/**
 * Classifiers exported by scikit-learn and others end in a ZipMap, which makes dictionaries of their probabilities; those
 * are no tensors. Without it, the output of the same name has the probabilities, a column for each class in the order of
 * the model's labels.
 */
export function withoutZipMap(file: ModelFile): ModelFile {
  const { nodes, outputs } = file.graph
  const maps = nodes.filter(({ operator }) => operator === 'ZipMap')
  if (maps.length === 0) return file
  const passOn = (node: GraphNode): GraphNode => ({ ...node, operator: 'Identity', domain: '', attributes: new Map() })
  const made = new Set(maps.flatMap((node) => node.outputs))
  const graph = {
    ...file.graph,
    nodes: nodes.map((node) => (maps.includes(node) ? passOn(node) : node)),
    outputs: outputs.map((port) => (made.has(port.name) ? { name: port.name, type: 'float32' as const } : port)),
  }
  return { ...file, graph, source: encodeModel(graph) }
}
