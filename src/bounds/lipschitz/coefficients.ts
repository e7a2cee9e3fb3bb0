import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, featureShape, type Graph, type Tensor, type TypedGraph } from '../../graph/graph.js'
import { findOperator } from '../../operators/registry.js'
import { carryBack } from '../../passes/carry-back.js'
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
  const seeds = builder.input('seeds', 'float64', ['rows', ...shapeOf(value, graph)])
  const coefficients = carryBack(graph, new Map([[value, seeds]]), context, (node, outputs) => {
    const passing = outputs.map((over, index) => (frontier.includes(node.outputs[index]) ? undefined : over))
    if (passing.every((over) => over === undefined)) return []
    const arriving = findOperator(node)!.linear!(node, context)!.transpose(node, passing, context)
    if (!isAbsolute) return arriving
    return arriving.map((over, index) =>
      over === undefined || !context.isActivation(node.inputs[index]) ? undefined : builder.add('Abs', [over]),
    )
  })
  for (const start of frontier) {
    const width = elementCount(shapeOf(start, graph))
    builder.output(start, builder.add('Reshape', [coefficients.get(start)!, builder.ints([-1, width])]))
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
