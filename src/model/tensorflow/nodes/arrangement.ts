import { UntranslatableError } from '../layers/layer.js'
import { channelsFirst, channelsLast, type Value } from '../layers/value.js'
import { type Constant, integerOf, isSet, type NodeContext, type NodeRule, type Operand } from './node.js'
import {
  axisIn,
  constantAt,
  countedAxis,
  integersAt,
  padded,
  refuseChannelsFirst,
  sized,
  sizesOf,
  valueAt,
} from './operands.js'

/** The same numbers in the form of the output: sizes that TensorFlow.js computes need no translation. */
const unchanged: NodeRule = (context) => [valueAt(context, 0)]

const pad: NodeRule = (context) => {
  const { builder, operands } = context
  const value = valueAt(context, 0)
  const margins = integersAt(context, 1)
  const fill = operands.length > 2 ? constantAt(context, 2).data[0] : 0
  if (!value.isBare && margins.splice(0, 2).some((margin) => margin !== 0)) {
    throw new UntranslatableError('it pads the batch')
  }
  const [before, after] = [0, 1].map((end) => margins.filter((_, index) => index % 2 === end))
  const pads = builder.ints([0, ...before, 0, ...after])
  const inputs = [channelsLast(builder, value), pads, ...(fill === 0 ? [] : [builder.scalar(fill)])]
  const shape = value.shape.map((size, axis) => before[axis] + size + after[axis])
  return [{ shape, last: builder.add('Pad', inputs) }]
}

/** The sizes of an operand where TensorFlow.js is given one sample. */
function operandSizes(operand: Operand): readonly number[] {
  return 'value' in operand ? sizesOf(operand.value) : operand.constant.shape
}

/** Operands one after the other along an axis; with `isNew`, that is none that they have. */
function join(context: NodeContext, operands: readonly Operand[], counted: number, isNew = false): Value {
  const { builder, outputs } = context
  const [{ shape, isBare = false }] = outputs
  const values = operands.flatMap((operand) => ('value' in operand ? [operand.value] : []))
  const hasFirst = (value: Value) => value.first !== undefined && (value.isBare ?? false) === isBare
  const sizes = sizesOf(outputs[0])
  const axis = axisIn(outputs[0], counted)
  if (!isNew && values.length === operands.length && values.every(hasFirst)) {
    const names = values.map(({ first }) => first!)
    return { shape, first: builder.add('Concat', names, { axis: axis === shape.length ? 1 : axis + 1 }) }
  }
  const names = operands.map((operand) => {
    const own = operandSizes(operand)
    const placed = isNew ? own.toSpliced(countedAxis(counted, sizes.length), 0, 1) : own
    if ('value' in operand) return sized(context, operand.value, placed, isBare)
    return repeated(context, operand.constant, isBare ? placed : placed.slice(1), values[0])
  })
  return { shape, last: builder.add('Concat', names, { axis }) }
}

/** A constant that is the same for every sample of a value. */
function repeated(
  { builder }: NodeContext,
  { data }: Constant,
  shape: readonly number[],
  { first, last }: Value,
): string {
  const batch = builder.add('Shape', [last ?? first!], { start: 0, end: 1 })
  const sizes = builder.add('Concat', [batch, builder.ints(shape)], { axis: 0 })
  return builder.add('Expand', [builder.floats(data, [1, ...shape]), sizes])
}

/** Blocks of pixels become images of their own, in front of the batch. */
const spaceToBatch: NodeRule = (context) => {
  const { builder } = context
  const [blocks, margins] = [integersAt(context, 1), integersAt(context, 2)]
  const value = valueAt(context, 0)
  const [count, ...others] = sizesOf(value)
  const rest = others.slice(blocks.length)
  const spatial = blocks.map((_, axis) => margins[2 * axis] + others[axis] + margins[2 * axis + 1])
  const zeros = rest.map(() => 0)
  const [before, after] = [0, 1].map((end) => margins.filter((_, index) => index % 2 === end))
  const pads = builder.ints([0, 0, ...before, ...zeros, 0, 0, ...after, ...zeros])
  const filled = builder.add('Pad', [sized(context, value, [count, ...others], true), pads])
  const apart = [count, ...spatial.flatMap((size, axis) => [size / blocks[axis], blocks[axis]]), ...rest]
  const perm = [
    ...blocks.map((_, axis) => 3 + 2 * axis),
    1,
    ...blocks.map((_, axis) => 2 + 2 * axis),
    ...rest.map((_, axis) => 2 + 2 * blocks.length + axis),
  ]
  const split = builder.add('Reshape', [filled, builder.ints([0, ...apart])])
  const moved = builder.add('Transpose', [split], { perm: [0, ...perm] })
  return [{ shape: perm.map((axis) => apart[axis - 1]), last: moved }]
}

/** Undoes that, and cuts off the margins. */
const batchToSpace: NodeRule = (context) => {
  const { builder } = context
  const [blocks, crops] = [integersAt(context, 1), integersAt(context, 2)]
  const value = valueAt(context, 0)
  const [all, ...others] = sizesOf(value)
  const [spatial, rest] = [others.slice(0, blocks.length), others.slice(blocks.length)]
  const count = all / blocks.reduce((product, size) => product * size, 1)
  const perm = [
    1 + blocks.length,
    ...blocks.flatMap((_, axis) => [2 + blocks.length + axis, 1 + axis]),
    ...rest.map((_, axis) => 2 + 2 * blocks.length + axis),
  ]
  const apart = builder.add('Reshape', [
    channelsLast(builder, value),
    builder.ints([0, ...blocks, count, ...spatial, ...rest]),
  ])
  const moved = builder.add('Transpose', [apart], { perm: [0, ...perm] })
  const whole = spatial.map((size, axis) => size * blocks[axis])
  const joined = builder.add('Reshape', [moved, builder.ints([0, count, ...whole, ...rest])])
  const starts = blocks.map((_, axis) => crops[2 * axis])
  const ends = whole.map((size, axis) => size - crops[2 * axis + 1])
  const bounds = [starts, ends, blocks.map((_, axis) => 2 + axis)].map((numbers) => builder.ints(numbers))
  const shape = [count, ...ends.map((end, axis) => end - starts[axis]), ...rest]
  return [{ shape, last: builder.add('Slice', [joined, ...bounds]) }]
}

export const arrangementNodes: Readonly<Record<string, NodeRule>> = {
  Identity: unchanged,
  Snapshot: unchanged,
  StopGradient: unchanged,
  // TensorFlow.js does not quantise.
  FakeQuantWithMinMaxVars: unchanged,
  Reshape: unchanged,
  Squeeze: unchanged,
  ExpandDims: unchanged,
  IdentityN: (context) => context.outputs.map((_, index) => valueAt(context, index)),
  Pad: pad,
  PadV2: pad,
  SpaceToBatchND: spaceToBatch,
  BatchToSpaceND: batchToSpace,

  Concat: (context) => [join(context, context.operands.slice(1), integersAt(context, 0)[0])],
  ConcatV2(context) {
    const { operands } = context
    const last = operands.length - 1
    return [join(context, operands.slice(0, last), integersAt(context, last)[0])]
  },
  Pack: (context) => [join(context, context.operands, integerOf(context.node, 'axis'), true)],

  Tile(context) {
    const { builder, outputs } = context
    const [output] = outputs
    const repeats = integersAt(context, 1)
    const value = sized(context, valueAt(context, 0), sizesOf(valueAt(context, 0)), output.isBare)
    const times = builder.ints([1, ...(output.isBare ? repeats : repeats.slice(1))])
    return [{ shape: output.shape, last: builder.add('Tile', [value, times]) }]
  },

  BroadcastTo(context) {
    const { builder, outputs } = context
    const [output] = outputs
    const value = valueAt(context, 0)
    const aligned = sized(context, value, padded(sizesOf(value), sizesOf(output).length), output.isBare)
    return [{ shape: output.shape, last: builder.add('Expand', [aligned, builder.ints([1, ...output.shape])]) }]
  },

  Transpose(context) {
    const { builder } = context
    const value = valueAt(context, 0)
    const perm = integersAt(context, 1)
    const sizes = sizesOf(value)
    // What stays in front is the batch, or goes with it.
    const isBare = perm[0] !== 0 || value.isBare
    const name = sized(context, value, sizes, isBare)
    const moved = builder.add('Transpose', [name], { perm: isBare ? [0, ...perm.map((axis) => axis + 1)] : perm })
    const shape = perm.map((axis) => sizes[axis])
    return [{ shape: isBare ? shape : shape.slice(1), last: moved }]
  },

  /** Every element becomes a block, or is interpolated between. */
  ResizeNearestNeighbor: (context) => [resize(context, 'nearest')],
  ResizeBilinear: (context) => [resize(context, 'linear')],

  DepthToSpace(context) {
    const { builder, node, outputs } = context
    refuseChannelsFirst(node)
    const value = image(context)
    const attributes = { blocksize: integerOf(node, 'block_size'), mode: 'DCR' }
    return [
      { shape: outputs[0].shape, first: builder.add('DepthToSpace', [channelsFirst(builder, value)], attributes) },
    ]
  },
}

/** @throws UntranslatableError unless there is one image per sample. */
function image(context: NodeContext): Value {
  const value = valueAt(context, 0)
  if (value.isBare) throw new UntranslatableError('a sample has several images')
  return value
}

function resize(context: NodeContext, mode: 'nearest' | 'linear'): Value {
  const { builder, node, outputs } = context
  const value = image(context)
  const [{ shape }] = outputs
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
