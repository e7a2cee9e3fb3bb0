import { type Attribute, type Graph, type GraphNode, stringAttribute, type Tensor } from '../graph/graph.js'

/**
 * Writes the linear operators of `ai.onnx.ml` as those that have rules: a Scaler as a difference and a product, an L1
 * Normalizer as a quotient, and a LinearClassifier, where nothing reads the labels that it predicts, as a matrix product and
 * a Softmax or Sigmoid. Logistic regression of two classes becomes a Softmax of 0 and the score. What normalises the
 * probabilities of a Softmax does nothing and goes.
 */
export function expandMlOperators(graph: Graph): Graph {
  const constants = new Map(graph.constants)
  const read = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)])
  const sumToOne = new Set<string>()
  const same = new Map<string, string>()
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    const inputs = node.inputs.map((name) => same.get(name) ?? name)
    if (node.operator === 'Scaler') return expandScaler({ ...node, inputs }, constants)
    const needsLabels = read.has(node.outputs[0])
    const expanded =
      node.operator === 'LinearClassifier' && !needsLabels
        ? expandLinearClassifier({ ...node, inputs }, constants)
        : undefined
    if (expanded) {
      if (expanded.at(-1)!.operator === 'Softmax') sumToOne.add(node.outputs[1])
      return expanded
    }
    const isNormalizer = node.operator === 'Normalizer' && stringAttribute(node, 'norm', 'MAX') === 'L1'
    if ((isNormalizer || node.operator === 'Identity') && sumToOne.has(inputs[0])) {
      same.set(node.outputs[0], inputs[0])
      return []
    }
    return isNormalizer ? expandNormalizer({ ...node, inputs }, constants) : [{ ...node, inputs }]
  })
  // The value under its last name.
  const names = new Map(graph.outputs.flatMap(({ name }) => (same.has(name) ? [[same.get(name)!, name]] : [])))
  const rename = (name: string) => names.get(name) ?? name
  return {
    ...graph,
    constants,
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
  }
}

/** Nodes for the scores; undefined where the settings are none that a known exporter writes. */
function expandLinearClassifier(node: GraphNode, constants: Map<string, Tensor>): GraphNode[] | undefined {
  const [, scores] = node.outputs
  const transform = stringAttribute(node, 'post_transform', 'NONE')
  const [weights, intercepts] = ['coefficients', 'intercepts'].map((name) => Float32Array.from(valuesOf(node, name)))
  const classes = valuesOf(node, 'classlabels_ints').length + valuesOf(node, 'classlabels_strings').length
  if (scores === undefined || classes < 2 || intercepts.length !== classes || weights.length % classes !== 0)
    return undefined
  const features = weights.length / classes
  const isOpposite = (values: Float32Array) => {
    const [first, second] = [values.subarray(0, values.length / 2), values.subarray(values.length / 2)]
    return first.every((value, index) => value === -second[index])
  }
  const isBinary = classes === 2 && transform === 'LOGISTIC' && isOpposite(weights) && isOpposite(intercepts)
  const activation = isBinary ? 'Softmax' : { NONE: 'Identity', SOFTMAX: 'Softmax', LOGISTIC: 'Sigmoid' }[transform]
  if (!activation) return undefined
  if (isBinary) {
    weights.fill(0, 0, features)
    intercepts[0] = 0
  }
  const [matrix, vector, product] = ['coefficients', 'intercepts', 'product'].map((part) => `${scores}:${part}`)
  constants.set(matrix, { type: 'float32', shape: [classes, features], data: weights })
  constants.set(vector, { type: 'float32', shape: [classes], data: intercepts })
  return [
    nodeLike(node, 'Gemm', [node.inputs[0], matrix, vector], product, [['transB', { kind: 'int', value: 1 }]]),
    nodeLike(
      node,
      activation,
      [product],
      scores,
      activation === 'Softmax' ? [['axis', { kind: 'int', value: 1 }]] : [],
    ),
  ]
}

/** (x − offset) · scale */
function expandScaler(node: GraphNode, constants: Map<string, Tensor>): GraphNode[] {
  const [output] = node.outputs
  const [offset, scale] = ['offset', 'scale'].map((name) => {
    const data = Float32Array.from(valuesOf(node, name))
    constants.set(`${output}:${name}`, { type: 'float32', shape: [data.length], data })
    return `${output}:${name}`
  })
  const centred = `${output}:centred`
  return [nodeLike(node, 'Sub', [node.inputs[0], offset], centred), nodeLike(node, 'Mul', [centred, scale], output)]
}

// Rows of zeros stay as they are.
const smallestNorm = 2 ** -126

/** x / Σ|x| */
function expandNormalizer(node: GraphNode, constants: Map<string, Tensor>): GraphNode[] {
  const [output] = node.outputs
  const [axes, least, sizes, sum, norm] = ['axes', 'least', 'sizes', 'sum', 'norm'].map((part) => `${output}:${part}`)
  constants.set(axes, { type: 'int64', shape: [1], data: BigInt64Array.of(1n) })
  constants.set(least, { type: 'float32', shape: [], data: Float32Array.of(smallestNorm) })
  return [
    nodeLike(node, 'Abs', [node.inputs[0]], sizes),
    nodeLike(node, 'ReduceSum', [sizes, axes], sum),
    nodeLike(node, 'Max', [sum, least], norm),
    nodeLike(node, 'Div', [node.inputs[0], norm], output),
  ]
}

function nodeLike(
  { name }: GraphNode,
  operator: string,
  inputs: string[],
  output: string,
  attributes: [string, Attribute][] = [],
): GraphNode {
  return {
    operator,
    name: name && `${name}/${operator}`,
    domain: '',
    inputs,
    outputs: [output],
    attributes: new Map(attributes),
  }
}

function valuesOf(node: GraphNode, name: string): ArrayLike<never> {
  const value = node.attributes.get(name)?.value
  return Array.isArray(value) ? (value as never[]) : []
}
