import { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import { ruleContext } from '../passes/context.js'
import { derivativeContext } from '../passes/derivative-context.js'
import { declareInputs, emitForward } from '../passes/forward.js'
import { emitGradient } from '../passes/gradient.js'
import { emitTangent } from '../passes/jvp.js'
import { emitSeed } from '../passes/seed.js'

/** Values of a model, one after the other: their entries are counted through, those of the first value first. */
export interface Listed {
  readonly value: string
  readonly size: number
}

/** A graph from the model's input to `values` [batch, entries]: the entries of the listed values. */
export function valuesGraph(graph: TypedGraph, listed: readonly Listed[]): Graph {
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  builder.output(
    'values',
    emitList(builder, listed, (value) => forward.get(value)!),
  )
  return builder.build()
}

/**
 * A graph from points (the model's input) and `tangents`, shaped like them, to `images` [batch, entries]: by how much the
 * entries of the listed values change along the tangents, on the linear pieces that the points are on.
 */
export function imagesGraph(graph: TypedGraph, listed: readonly Listed[]): Graph {
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const [{ name, shape }] = graph.inputs
  const tangent = builder.input('tangents', 'float32', shape!)
  const forward = emitForward(graph, ruleContext(graph, builder))
  const tangents = emitTangent(graph, tangent, derivativeContext(graph, builder, forward))
  const zero = builder.scalar(0)
  const still = (value: string) => builder.add('Mul', [forward.get(value) ?? name, zero])
  builder.output(
    'images',
    emitList(builder, listed, (value) => tangents.get(value) ?? still(value)),
  )
  return builder.build()
}

/**
 * A graph from points (the model's input) to `rows` [rows, features]: gradients of differences of entries of the listed
 * values, `plus` less `minus` (int32 [rows]; −1 stands for none), on the linear pieces that the points are on. `sampleOfRow` (int32 [rows]) names
 * the point of each row.
 */
export function rowsGraph(graph: TypedGraph, listed: readonly Listed[]): Graph {
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const [sampleOfRow, plus, minus] = ['sampleOfRow', 'plus', 'minus'].map((name) =>
    builder.input(name, 'int32', ['rows']),
  )
  const forward = emitForward(graph, ruleContext(graph, builder))
  const context = derivativeContext(graph, builder, forward, sampleOfRow)
  let first = 0
  const seeds = new Map<string, string>()
  for (const { value, size } of listed) {
    const offset = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(first) })
    const within = (entry: string) => builder.add('Sub', [entry, offset])
    seeds.set(value, emitSeed(within(plus), within(minus), featureShape(graph.values.get(value)!.shape)!, builder))
    first += size
  }
  const [{ name }] = graph.inputs
  const features = elementCount(featureShape(graph.values.get(name)!.shape)!)
  const rows = emitGradient(graph, seeds, context)
  builder.output('rows', builder.add('Reshape', [rows, builder.ints([-1, features])]))
  return builder.build()
}

function emitList(builder: GraphBuilder, listed: readonly Listed[], nameOf: (value: string) => string): string {
  const flat = listed.map(({ value, size }) => builder.add('Reshape', [nameOf(value), builder.ints([-1, size])]))
  return builder.add('Concat', flat, { axis: 1 })
}
