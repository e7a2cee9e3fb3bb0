import {
  elementCount,
  featureShape,
  type GraphNode,
  intAttribute,
  isBatch,
  stringAttribute,
  type Tensor,
} from '../graph/graph.js'
import { repeatForRows } from '../operators/samples.js'
import { type Decomposition, type DecompositionContext, numbers } from './decomposition.js'
import { sizesOfOne } from './layout.js'

/** Indices that are the same for every sample, without the axis of the batch. */
interface Indices {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

function indicesOf(value: string, { graph, shape }: DecompositionContext): Indices | undefined {
  const [first] = shape(value)
  const tensor = graph.alike.get(value) ?? graph.constants.get(value)
  if (tensor?.shape[0] !== 1 || !(first === 1 || isBatch(first))) return undefined
  return { shape: tensor.shape.slice(1), data: numbers(tensor)! }
}

/** Counts up the places of a shape in row-major order. */
function placesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, index) => [...place, index])),
    [[]],
  )
}

/** Position of a place in row-major order; indices below zero count from the end of their axis. */
function positionIn(shape: readonly number[], place: readonly number[]): number {
  return place.reduce((position, index, axis) => position * shape[axis] + (index < 0 ? index + shape[axis] : index), 0)
}

/** The numbers of each sample in a row, also where all samples have the same; undefined where the batch is on another axis. */
function emitRows(value: string, context: DecompositionContext): string | undefined {
  const { builder, graph, shape } = context
  const sizes = featureShape(shape(value))
  if (sizes && !graph.alike.has(value)) return builder.add('Reshape', [value, builder.ints([0, elementCount(sizes)])])
  const row = graph.alike.get(value) ?? graph.constants.get(value)
  return row?.shape[0] === 1 ? emitRepeated(row, context) : undefined
}

/** A row for each sample. */
function emitRepeated(row: Tensor, { builder, graph }: DecompositionContext): string {
  const alone = builder.constant({ ...row, shape: [1, row.data.length] })
  return repeatForRows(alone, [row.data.length], graph.inputs[0].name, builder)
}

/** Picks numbers of each sample's row, as a value of the given shape. */
function emitPicked(
  rows: string,
  picked: readonly number[],
  shape: readonly number[],
  { builder }: DecompositionContext,
): string {
  const gathered = builder.add('Gather', [rows, builder.ints(picked)], { axis: 1 })
  return builder.add('Reshape', [gathered, builder.ints([0, ...shape])])
}

/** An axis of the sample; undefined where it is that of the batch. */
function axisOfSample(node: GraphNode, fallback: number, rank: number): number | undefined {
  const counted = intAttribute(node, 'axis', fallback)
  const axis = counted < 0 ? counted + rank : counted
  return axis === 0 ? undefined : axis - 1
}

/** Position of what each element of the indices points at, along one axis. */
function alongAxis({ shape, data }: Indices, axis: number, sizes: readonly number[]): number[] {
  return placesOf(shape).map((place, index) => positionIn(sizes, place.with(axis, data[index])))
}

const gatherElements: Decomposition = {
  operator: 'GatherElements',
  coversRounding: true,
  decompose(node, context) {
    const [input, indicesName] = node.inputs
    const sizes = featureShape(context.shape(input))
    const indices = indicesOf(indicesName, context)
    const axis = sizes && axisOfSample(node, 0, sizes.length + 1)
    if (!indices || axis === undefined) return undefined
    return [emitPicked(emitRows(input, context)!, alongAxis(indices, axis, sizes!), indices.shape, context)]
  },
}

const gatherND: Decomposition = {
  operator: 'GatherND',
  coversRounding: true,
  decompose(node, context) {
    const [input, indicesName] = node.inputs
    const sizes = featureShape(context.shape(input))
    const indices = indicesOf(indicesName, context)
    const shared = intAttribute(node, 'batch_dims', 0) - 1
    if (!sizes || !indices || shared < 0) return undefined
    const length = indices.shape.at(-1)!
    const outer = indices.shape.slice(0, -1)
    const inner = sizes.slice(shared + length)
    const picked = placesOf(outer).flatMap((place, index) => {
      const start = [...place.slice(0, shared), ...indices.data.slice(index * length, (index + 1) * length)]
      return placesOf(inner).map((rest) => positionIn(sizes, [...start, ...rest]))
    })
    return [emitPicked(emitRows(input, context)!, picked, [...outer, ...inner], context)]
  },
}

/** Numbers of the data, and in their place those updates that are written last; both are rows. */
function emitScattered(
  data: string,
  updates: string,
  targets: readonly number[],
  sizes: readonly number[],
  context: DecompositionContext,
): string {
  const picked = Array.from({ length: elementCount(sizes) }, (_, position) => position)
  targets.forEach((target, index) => {
    picked[target] = elementCount(sizes) + index
  })
  return emitPicked(context.builder.add('Concat', [data, updates], { axis: 1 }), picked, sizes, context)
}

const scatterElements: Decomposition = {
  operator: 'ScatterElements',
  coversRounding: true,
  decompose(node, context) {
    const sizes = featureShape(context.shape(node.outputs[0]))
    const indices = indicesOf(node.inputs[1], context)
    const axis = sizes && axisOfSample(node, 0, sizes.length + 1)
    if (!indices || axis === undefined || stringAttribute(node, 'reduction', 'none') !== 'none') return undefined
    const [data, updates] = [node.inputs[0], node.inputs[2]].map((value) => emitRows(value, context))
    if (!data || !updates) return undefined
    return [emitScattered(data, updates, alongAxis(indices, axis, sizes!), sizes!, context)]
  },
}

/** Its indices count samples too, so that they are the same for all only where there is no more than one. */
const scatterND: Decomposition = {
  operator: 'ScatterND',
  coversRounding: true,
  decompose(node, context) {
    const { builder, constant, shape } = context
    const [input, indicesName, updatesName] = node.inputs
    const sizes = featureShape(shape(node.outputs[0]))
    const indices = constant(indicesName)
    const data = emitRows(input, context)
    if (!sizes || !indices || !data || stringAttribute(node, 'reduction', 'none') !== 'none') return undefined
    const length = indices.shape.at(-1)!
    const all = numbers(indices)!
    const places = Array.from({ length: all.length / length }, (_, index) =>
      all.slice(index * length, (index + 1) * length),
    )
    if (places.some(([sample]) => sample !== 0 && sample !== -1)) return undefined
    const inner = placesOf(sizes.slice(length - 1))
    const targets = places.flatMap(([, ...place]) => inner.map((rest) => positionIn(sizes, [...place, ...rest])))
    if (elementCount(sizesOfOne(shape(updatesName))) !== targets.length) return undefined
    const fixed = constant(updatesName)
    const updates = fixed
      ? emitRepeated(fixed, context)
      : builder.add('Reshape', [updatesName, builder.ints([-1, targets.length])])
    return [emitScattered(data, updates, targets, sizes, context)]
  },
}

export const indexings: readonly Decomposition[] = [gatherElements, gatherND, scatterElements, scatterND]
