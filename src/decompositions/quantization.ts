import { type GraphNode, intAttribute, type Tensor } from '../graph/graph.js'
import { type Decomposition, type DecompositionContext, numbers } from './decomposition.js'

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
    const grid = gridOf(node, node.outputs[0], context)
    return grid && [builder.add('Mul', [builder.add('Sub', [node.inputs[0], grid.zeroPoint]), grid.scale])]
  },
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
  const layout = (count: number) =>
    count === 1 ? [] : Array.from({ length: rank }, (_, index) => (index === axis ? count : 1))
  const zeros = numbers(zeroPoint) ?? [0]
  return {
    scale: builder.floats(scale.data as Float32Array, layout(scale.data.length)),
    zeroPoint: builder.floats(zeros, layout(zeros.length)),
  }
}

export const quantizations: readonly Decomposition[] = [quantize, dequantize]
