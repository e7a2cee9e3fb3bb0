import type { GraphBuilder } from '../graph/builder.js'
import { type Tensor, type TypedGraph, usedBy } from '../graph/graph.js'
import type { RuleContext } from '../operators/operator.js'

/** Rule context that reads `graph` and writes into `builder`. */
export function ruleContext(graph: TypedGraph, builder: GraphBuilder): RuleContext {
  const activations = findActivations(graph)
  const weights = new Map<string, string>()
  return {
    graph,
    builder,
    shape(value) {
      const type = graph.values.get(value)
      if (!type) throw new Error(`The value "${value}" has no inferred type.`)
      return type.shape
    },
    constant: (value) => graph.constants.get(value),
    isActivation: (value) => activations.has(value),
    weight(value) {
      const tensor = graph.constants.get(value) ?? graph.alike.get(value)
      if (!tensor) return value
      const known = weights.get(value)
      if (known !== undefined) return known
      // The forward pass may have a value of that name, with a slice for each sample.
      const name = builder.constant(inPrecision(tensor, builder), graph.alike.has(value) ? builder.fresh() : value)
      weights.set(value, name)
      return name
    },
  }
}

/** Values that depend on the numbers of the input, not only on its shape. */
export function findActivations(graph: Pick<TypedGraph, 'inputs' | 'nodes'>): Set<string> {
  const activations = new Set(graph.inputs.map(({ name }) => name))
  for (const node of graph.nodes) {
    if (node.operator === 'Shape' || node.operator === 'Size') continue
    if (usedBy(node).some((input) => activations.has(input))) for (const output of node.outputs) activations.add(output)
  }
  activations.delete('')
  return activations
}

function inPrecision(tensor: Tensor, { precision }: GraphBuilder): Tensor {
  if (tensor.type === precision || (tensor.type !== 'float32' && tensor.type !== 'float64')) return tensor
  const data = tensor.data as Float32Array | Float64Array
  return {
    type: precision,
    shape: tensor.shape,
    data: precision === 'float64' ? Float64Array.from(data) : Float32Array.from(data),
  }
}
