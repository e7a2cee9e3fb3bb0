import { elementTypeNumbers } from '../graph/element-types.js'
import { type GraphNode, intAttribute, isBatch, type Tensor, type TypedGraph, usedBy } from '../graph/graph.js'
import { axesFrom, type Decomposition, type DecompositionContext, numbers } from './decomposition.js'

const ranges: Partial<Record<Tensor['type'], readonly [number, number]>> = { uint8: [0, 255], int8: [-128, 127] }

/** Rounds to the grid of the quantised type, in float32: the gradient passes straight through Round. */
const quantize: Decomposition = {
  operator: 'QuantizeLinear',
  coversRounding: false,
  decompose(node, context) {
    const { builder, constant } = context
    const [input, , zeroPoint] = node.inputs
    const grid = gridOf(node, input, context)
    const range = ranges[(zeroPoint && constant(zeroPoint)?.type) || 'uint8']
    if (!grid || !range || node.attributes.has('output_dtype')) return undefined
    const steps = builder.add('Round', [builder.add('Div', [input, grid.scale])])
    const [lowest, highest] = range.map((end) => builder.scalar(end))
    return [builder.add('Clip', [builder.add('Add', [steps, grid.zeroPoint]), lowest, highest])]
  },
}

const dequantize: Decomposition = {
  operator: 'DequantizeLinear',
  coversRounding: false,
  decompose(node, context) {
    const { builder } = context
    const [input, scale, zeroPoint] = node.inputs
    if (isDynamic(context.graph)) return [builder.add('Mul', [centred(input, zeroPoint, context), scale])]
    const grid = gridOf(node, node.outputs[0], context)
    return grid && [builder.add('Mul', [builder.add('Sub', [node.inputs[0], grid.zeroPoint]), grid.scale])]
  },
}

// Division by zero is none that the runtime does.
const leastScale = 1e-30

/** Finds the grid of each sample, from its lowest and highest number and zero, and rounds to it. */
const quantizeDynamically: Decomposition = {
  operator: 'DynamicQuantizeLinear',
  coversRounding: false,
  decompose({ inputs: [input] }, { builder, shape, graph }) {
    if (!isDynamic(graph)) return undefined
    const [zero, last] = [builder.scalar(0), builder.scalar(255)]
    const axes = builder.ints(axesFrom(1, shape(input).length))
    const high = builder.add('Max', [builder.add('ReduceMax', [input, axes], { keepdims: 1 }), zero])
    const low = builder.add('Min', [builder.add('ReduceMin', [input, axes], { keepdims: 1 }), zero])
    const width = builder.add('Div', [builder.add('Sub', [high, low]), last])
    const scale = builder.add('Max', [width, builder.scalar(leastScale)])
    const rounded = (value: string) => builder.add('Round', [builder.add('Div', [value, scale])])
    const zeroPoint = rounded(builder.add('Neg', [low]))
    const steps = builder.add('Add', [rounded(input), zeroPoint])
    // Both halves of 255 may be rounded up. A Clip would take the gradient of that number away.
    const less = builder.add('Sub', [steps, builder.scalar(1)])
    const saturated = builder.add('Where', [builder.add('Greater', [steps, last]), less, steps])
    return [saturated, scale, zeroPoint]
  },
}

/** An operator of integers as the one of float32 numbers; zero points of the right factor are along the given axis. */
const ofIntegers = (operator: string, ofFloats: string, channelAxis: number): Decomposition => ({
  operator,
  coversRounding: false,
  decompose({ inputs: [left, right, leftZero, rightZero], attributes }, context) {
    const { builder, graph } = context
    if (!isDynamic(graph)) return undefined
    const factors = [centred(left, leftZero, context), centred(right, rightZero, context, channelAxis)]
    const product = builder.fresh()
    builder.node({ operator: ofFloats, name: '', domain: '', inputs: factors, outputs: [product], attributes })
    return [product]
  },
})

/** Quantised numbers less their zero point, of which there is one, or one along an axis. */
function centred(value: string, zeroPoint: string | undefined, context: DecompositionContext, axis = 0): string {
  const { builder, constant, shape } = context
  const tensor = constant(value)
  const plain = tensor ? builder.floats(numbers(tensor)!, tensor.shape) : value
  if (!zeroPoint) return plain
  const zeros = numbers(constant(zeroPoint))
  const rank = shape(value).length
  const layout = zeros && along((axis + rank) % rank, rank, zeros.length)
  return builder.add('Sub', [plain, zeros ? builder.floats(zeros, layout) : zeroPoint])
}

/** Shape that broadcasts so many numbers along an axis, or one over all of them. */
function along(axis: number, rank: number, count: number): number[] {
  return count === 1 ? [] : Array.from({ length: rank }, (_, index) => (index === axis ? count : 1))
}

const found = new WeakMap<TypedGraph, boolean>()

/** {@link findDynamic}, once for each graph. */
function isDynamic(graph: TypedGraph): boolean {
  const known = found.get(graph) ?? findDynamic(graph)
  found.set(graph, known)
  return known
}

/**
 * Whether all integers of a graph are what DynamicQuantizeLinear makes of each sample, on their way to products that are made
 * float32 again and scaled: then these may be float32 all along. Anything else keeps the integers, all of them.
 */
function findDynamic(graph: TypedGraph): boolean {
  const { constants, outputs } = graph
  const rankOf = (value: string) => graph.values.get(value)!.shape.length
  const [steps, zeroPoints, products] = [new Set<string>(), new Set<string>(), new Set<string>()]
  // Scales are numbers; by sample, they get the rank of what is quantised.
  const scales = new Map<string, number>()
  const isKnown = (value: string) =>
    steps.has(value) || zeroPoints.has(value) || products.has(value) || scales.has(value)
  const isZeroPoint = (value = '') => value === '' || zeroPoints.has(value) || constants.has(value)
  const covers: Partial<Record<string, (node: GraphNode) => boolean>> = {
    DynamicQuantizeLinear({ inputs: [input], outputs: [quantised, scale, zeroPoint] }) {
      const [batch] = graph.values.get(input)!.shape
      steps.add(quantised)
      scales.set(scale, rankOf(input))
      zeroPoints.add(zeroPoint)
      // The grid is that of a sample, as they run one at a time.
      return rankOf(input) > 1 && isBatch(batch) && batch.batch === 1
    },
    MatMulInteger: ofProduct,
    ConvInteger: ofProduct,
    Cast: (node) => products.has(node.inputs[0]) && intAttribute(node, 'to', 0) === elementTypeNumbers.float32,
    DequantizeLinear: ({ inputs: [input, scale, zeroPoint] }) =>
      steps.has(input) && scales.get(scale) === rankOf(input) && isZeroPoint(zeroPoint),
    Transpose({ inputs: [input], outputs: [moved] }) {
      steps.add(moved)
      return steps.has(input)
    },
    Mul({ inputs, outputs: [product] }) {
      const ranks = inputs.map((input) => scales.get(input) ?? rankOf(input))
      const isScale = inputs.every((input) => scales.has(input) || constants.has(input))
      const rank = Math.max(...inputs.map((input) => scales.get(input) ?? 0))
      if (isScale) scales.set(product, rank)
      return isScale ? Math.max(...ranks) === rank : ranks.every((one) => one === rank)
    },
  }
  function ofProduct({ inputs: [left, right, leftZero = '', rightZero], outputs: [product] }: GraphNode): boolean {
    products.add(product)
    const isPerRow = (constants.get(leftZero)?.data.length ?? 1) > 1
    const areNumbers = [left, right].every((value) => steps.has(value) || constants.has(value))
    return areNumbers && isZeroPoint(leftZero) && isZeroPoint(rightZero) && !isPerRow
  }
  for (const node of graph.nodes) {
    const isInteger = /Integer$|^DynamicQuantize|^QLinear|^QuantizeLinear$/.test(node.operator)
    if ((isInteger || usedBy(node).some(isKnown)) && !covers[node.operator]?.(node)) return false
  }
  return steps.size > 0 && !outputs.some(({ name }) => isKnown(name))
}

/** Scale and zero point as float32 constants that broadcast over `value`; one per tensor or per channel. */
function gridOf(node: GraphNode, value: string, { builder, shape, constant, graph }: DecompositionContext) {
  // Between quantised values, only what moves numbers works on float32 as well.
  if (graph.nodes.some(({ operator }) => /^QLinear|Integer$|^DynamicQuantize/.test(operator))) return undefined
  const [, scaleName, zeroPointName] = node.inputs
  const [scale, zeroPoint] = [constant(scaleName), constant(zeroPointName)]
  if (!scale || (zeroPointName && !zeroPoint) || intAttribute(node, 'block_size', 0) !== 0) return undefined
  const rank = shape(value).length
  const counted = intAttribute(node, 'axis', 1)
  const axis = counted < 0 ? counted + rank : counted
  const zeros = numbers(zeroPoint) ?? [0]
  return {
    scale: builder.floats(scale.data as Float32Array, along(axis, rank, scale.data.length)),
    zeroPoint: builder.floats(zeros, along(axis, rank, zeros.length)),
  }
}

export const quantizations: readonly Decomposition[] = [
  quantize,
  dequantize,
  quantizeDynamically,
  ofIntegers('MatMulInteger', 'MatMul', -1),
  ofIntegers('ConvInteger', 'Conv', 0),
]
