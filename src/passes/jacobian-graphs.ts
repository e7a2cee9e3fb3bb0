import { GraphBuilder } from '../graph/builder.js'
import { featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import type { DerivativeContext } from '../operators/operator.js'
import { ruleContext } from './context.js'
import { derivativeContext } from './derivative-context.js'
import { declareInputs, emitForward } from './forward.js'
import { emitGradient } from './gradient.js'
import { emitTangent } from './jvp.js'
import { poolBeforeRelu } from './pool-before-relu.js'

/**
 * Products with the Jacobian belong to a sample each: row i to sample i (`batch`), or to the sample that the input
 * `sampleOfRow` (int64, one per row) names (`rows`), so that many of them share one forward pass.
 */
export type ProductRows = 'batch' | 'rows'

/** A graph from the model's input and `cotangents`, shaped like its output, to `product`: Jᵀ times each of them. */
export function vjpGraph(model: TypedGraph, rows: ProductRows = 'batch'): Graph {
  return productGraph(model, rows, ({ graph, output, context, factors }) =>
    emitGradient(graph, new Map([[output, factors('cotangents', output)]]), context),
  )
}

/** A graph from the model's input and `tangents`, shaped like it, to `product`: J times each of them. */
export function jvpGraph(model: TypedGraph, rows: ProductRows = 'batch'): Graph {
  return productGraph(
    model,
    rows,
    ({ graph, input, output, context, factors }) =>
      emitTangent(graph, factors('tangents', input), context).get(output)!,
  )
}

/** A graph from the model's input and `tangents`, shaped like it, to `product`: JᵀJ times each of them. */
export function gramGraph(model: TypedGraph): Graph {
  return productGraph(model, 'batch', ({ graph, input, output, context, factors }) => {
    const images = emitTangent(graph, factors('tangents', input), context).get(output)!
    return emitGradient(graph, new Map([[output, images]]), context)
  })
}

/**
 * A graph from the model's input and `targets`, shaped like its output, to `gradient`: of the squared error summed over the
 * samples, with respect to the input.
 */
export function squaredErrorGradientGraph(model: TypedGraph): Graph {
  return productGraph(
    model,
    'batch',
    ({ graph, output, context, factors }) => {
      const { builder } = context
      const difference = builder.add('Sub', [context.value(output), factors('targets', output)])
      const seeds = new Map([[output, builder.add('Mul', [difference, builder.scalar(2)])]])
      return emitGradient(graph, seeds, context)
    },
    'gradient',
  )
}

interface Products {
  readonly graph: TypedGraph
  /** Names of the model's input and output. */
  readonly input: string
  readonly output: string
  readonly context: DerivativeContext
  /** Declares an input with one row per product, each shaped like one sample of the given value. */
  factors(name: string, value: string): string
}

function productGraph(
  model: TypedGraph,
  rows: ProductRows,
  emit: (products: Products) => string,
  name = 'product',
): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const sampleOfRow = rows === 'rows' ? builder.input('sampleOfRow', 'int64', [rows]) : undefined
  const factors = (name: string, value: string) =>
    builder.input(name, 'float32', [rows, ...featureShape(graph.values.get(value)!.shape)!])
  const forward = emitForward(graph, ruleContext(graph, builder))
  const context = derivativeContext(graph, builder, forward, sampleOfRow)
  const [[{ name: input }], [{ name: output }]] = [graph.inputs, graph.outputs]
  builder.output(name, emit({ graph, input, output, context, factors }))
  return builder.build()
}
