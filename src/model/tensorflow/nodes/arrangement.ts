import { UntranslatableError } from '../layers/layer.js'
import { mergingLayers } from '../layers/merging.js'
import { channelsFirst, channelsLast, reshaped, type Value } from '../layers/value.js'
import { integerOf, isSet, type NodeContext, type NodeRule } from './node.js'
import { axisBehindBatch, constantAt, integersAt, refuseChannelsFirst, valueAt } from './operands.js'

const unchanged: NodeRule = (context) => [valueAt(context, 0)]

/** To the shape that TensorFlow.js gave it: sizes that it computes need no translation. */
const reshape: NodeRule = (context) => [reshaped(context.builder, valueAt(context, 0), context.outputShapes[0])]

const pad: NodeRule = (context) => {
  const { builder, outputShapes, operands } = context
  const margins = integersAt(context, 1)
  const fill = operands.length > 2 ? constantAt(context, 2).data[0] : 0
  if (margins[0] !== 0 || margins[1] !== 0) throw new UntranslatableError('it pads the batch')
  const [before, after] = [0, 1].map((end) => margins.filter((_, index) => index % 2 === end))
  const pads = builder.ints([...before, ...after])
  const inputs = [channelsLast(builder, valueAt(context, 0)), pads, ...(fill === 0 ? [] : [builder.scalar(fill)])]
  return [{ shape: outputShapes[0], last: builder.add('Pad', inputs) }]
}

/** The mean, sum, maximum or minimum over some axes. */
const reduce =
  (operator: string): NodeRule =>
  (context) => {
    const { builder, node, outputShapes } = context
    const value = valueAt(context, 0)
    const axes = integersAt(context, 1).map((axis) => axisBehindBatch(axis, value.shape))
    const keepdims = isSet(node, 'keep_dims') ? 1 : 0
    const [shape] = outputShapes
    const isSpatial = value.first !== undefined && axes.every((axis) => axis < value.shape.length)
    if (isSpatial) {
      const reduced = builder.add(operator, [value.first!, builder.ints(axes.map((axis) => axis + 1))], { keepdims })
      if (keepdims === 1) return [{ shape, first: reduced }]
      // Without its spatial axes, the channels are the last axis.
      if (axes.length === value.shape.length - 1) return [{ shape, last: reduced }]
    }
    return [{ shape, last: builder.add(operator, [channelsLast(builder, value), builder.ints(axes)], { keepdims }) }]
  }

/** Slices along axes that the masks say: bits of those that begin or end where the value does, or that are left out. */
const stridedSlice: NodeRule = (context) => {
  const { builder, node, outputShapes } = context
  const value = valueAt(context, 0)
  if (integerOf(node, 'ellipsis_mask') !== 0 || integerOf(node, 'new_axis_mask') !== 0) {
    throw new UntranslatableError('it has an ellipsis or a new axis')
  }
  const [begins, ends, steps] = [1, 2, 3].map((index) => integersAt(context, index))
  const has = (mask: string, axis: number) => ((integerOf(node, mask) >> axis) & 1) === 1
  const slices = begins.map((begin, axis) => {
    const size = axis === 0 ? 1 : value.shape[axis - 1]
    const counted = (position: number) => (position < 0 ? position + size : position)
    const isSingle = has('shrink_axis_mask', axis)
    const start = has('begin_mask', axis) ? 0 : counted(begin)
    const end = isSingle ? start + 1 : has('end_mask', axis) ? size : Math.min(size, counted(ends[axis]))
    return {
      axis,
      start,
      end,
      step: steps[axis],
      isWhole: !isSingle && start === 0 && end === size && steps[axis] === 1,
    }
  })
  const cut = slices.filter(({ isWhole }) => !isWhole)
  if (cut.some(({ axis, step }) => axis === 0 || step < 1)) {
    throw new UntranslatableError('it slices the batch, or backwards')
  }
  const bounds = (['start', 'end', 'axis', 'step'] as const).map((name) =>
    builder.ints(cut.map((slice) => slice[name])),
  )
  const whole = channelsLast(builder, value)
  const sliced = cut.length === 0 ? whole : builder.add('Slice', [whole, ...bounds])
  return [{ shape: outputShapes[0], last: builder.add('Reshape', [sliced, builder.ints([0, ...outputShapes[0]])]) }]
}

export const arrangementNodes: Readonly<Record<string, NodeRule>> = {
  Identity: unchanged,
  StopGradient: unchanged,
  Reshape: reshape,
  Squeeze: reshape,
  ExpandDims: reshape,
  Pad: pad,
  PadV2: pad,
  Mean: reduce('ReduceMean'),
  Sum: reduce('ReduceSum'),
  Max: reduce('ReduceMax'),
  Min: reduce('ReduceMin'),
  StridedSlice: stridedSlice,

  ConcatV2(context) {
    const { builder, operands, outputShapes } = context
    const inputs = operands.slice(0, -1).map((_, index) => valueAt(context, index))
    const axis = axisBehindBatch(integersAt(context, operands.length - 1)[0], inputs[0].shape)
    return [mergingLayers.Concatenate({ builder, config: { axis }, weights: [], inputs, outputShape: outputShapes[0] })]
  },

  Transpose(context) {
    const { builder, outputShapes } = context
    const perm = integersAt(context, 1)
    if (perm[0] !== 0) throw new UntranslatableError('it moves the batch')
    const moved = builder.add('Transpose', [channelsLast(builder, valueAt(context, 0))], { perm })
    return [{ shape: outputShapes[0], last: moved }]
  },

  Slice(context) {
    const { builder, outputShapes } = context
    const [, ...begins] = integersAt(context, 1)
    const [shape] = outputShapes
    const ends = begins.map((begin, axis) => begin + shape[axis])
    const bounds = [begins, ends, begins.map((_, axis) => axis + 1)].map((numbers) => builder.ints(numbers))
    return [{ shape, last: builder.add('Slice', [channelsLast(builder, valueAt(context, 0)), ...bounds]) }]
  },

  Split: (context) => splitAlong(context, valueAt(context, 1), integersAt(context, 0)[0]),
  SplitV: (context) => splitAlong(context, valueAt(context, 0), integersAt(context, 2)[0]),

  /** Every element becomes a block, or is interpolated between. */
  ResizeNearestNeighbor: (context) => [resize(context, 'nearest')],
  ResizeBilinear: (context) => [resize(context, 'linear')],

  DepthToSpace(context) {
    const { builder, node, outputShapes } = context
    refuseChannelsFirst(node)
    const blocksize = integerOf(node, 'block_size')
    const value = channelsFirst(builder, valueAt(context, 0))
    return [{ shape: outputShapes[0], first: builder.add('DepthToSpace', [value], { blocksize, mode: 'DCR' }) }]
  },
}

function splitAlong({ builder, outputShapes }: NodeContext, value: Value, counted: number): Value[] {
  const axis = axisBehindBatch(counted, value.shape)
  const sizes = builder.ints(outputShapes.map((shape) => shape[axis - 1]))
  const names = builder.addMany('Split', [channelsLast(builder, value), sizes], outputShapes.length, { axis })
  return names.map((last, index) => ({ shape: outputShapes[index], last }))
}

function resize(context: NodeContext, mode: 'nearest' | 'linear'): Value {
  const { builder, node, outputShapes } = context
  const value = valueAt(context, 0)
  const [shape] = outputShapes
  const [rows, columns, channels] = shape
  const isHalf = isSet(node, 'half_pixel_centers')
  const coordinate = isSet(node, 'align_corners') ? 'align_corners' : isHalf ? 'half_pixel' : 'asymmetric'
  const sizes = builder.add(
    'Concat',
    [
      builder.add('Shape', [channelsFirst(builder, value)], { start: 0, end: 1 }),
      builder.ints([channels, rows, columns]),
    ],
    { axis: 0 },
  )
  const attributes = {
    mode,
    coordinate_transformation_mode: coordinate,
    ...(mode === 'nearest' && { nearest_mode: coordinate === 'asymmetric' ? 'floor' : 'round_prefer_ceil' }),
  }
  return { shape, first: builder.add('Resize', [channelsFirst(builder, value), '', '', sizes], attributes) }
}
