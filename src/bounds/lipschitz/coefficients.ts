import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, featureShape, type Graph, type Tensor, type TypedGraph } from '../../graph/graph.js'
import { findOperator } from '../../operators/registry.js'
import { ruleContext } from '../../passes/context.js'

/**
 * From `seeds`, one linear function of `value` per row, to its coefficients over every value of `frontier`, with linear
 * nodes alone between them; with absolute weights and seeds, to what bounds the rounding errors of those coefficients.
 */
export function coefficientGraph(
  graph: TypedGraph,
  value: string,
  frontier: readonly string[],
  isAbsolute: boolean,
): Graph {
  const builder = new GraphBuilder(graph.opset, 'float64')
  const context = ruleContext(isAbsolute ? withAbsoluteConstants(graph) : graph, builder)
  const gradients = new Map([[value, builder.input('seeds', 'float64', ['rows', ...shapeOf(value, graph)])]])
  for (const node of graph.nodes.toReversed()) {
    const arriving = node.outputs.map((output) => (frontier.includes(output) ? undefined : gradients.get(output)))
    if (arriving.every((gradient) => gradient === undefined)) continue
    const linear = findOperator(node)!.linear!(node, context)!
    linear.transpose(node, arriving, context).forEach((gradient, index) => {
      const input = node.inputs[index]
      if (gradient === undefined || !context.isActivation(input)) return
      const own = isAbsolute ? builder.add('Abs', [gradient]) : gradient
      const known = gradients.get(input)
      gradients.set(input, known === undefined ? own : builder.add('Add', [known, own]))
    })
  }
  for (const start of frontier) {
    const width = elementCount(shapeOf(start, graph))
    builder.output(start, builder.add('Reshape', [gradients.get(start)!, builder.ints([-1, width])]))
  }
  return builder.build()
}

function shapeOf(value: string, graph: TypedGraph): readonly number[] {
  return featureShape(graph.values.get(value)!.shape)!
}

/** Wᵀ with these is |W|ᵀ but for the sign of whole inputs. */
export function withAbsoluteConstants(graph: TypedGraph): TypedGraph {
  const constants = new Map<string, Tensor>()
  for (const [name, tensor] of graph.constants) {
    const isFloat = tensor.type === 'float32' || tensor.type === 'float64'
    const data = tensor.data as Float32Array
    constants.set(name, isFloat ? { ...tensor, data: data.map(Math.abs) } : tensor)
  }
  return { ...graph, constants }
}
