import { UntranslatableError } from '../layers/layer.js'
import { channelsLast, type Value } from '../layers/value.js'
import { integerOf, type NodeContext, type NodeRule, textOf } from './node.js'
import { axisIn, constantAt, countedAxis, integersAt, sizesOf, valueAt } from './operands.js'

/** Elements of a value along one axis as ONNX counts it. */
function pick({ builder }: NodeContext, value: Value, axis: number, indices: readonly number[]): Value {
  const picked = builder.add('Gather', [channelsLast(builder, value), builder.ints(indices)], { axis })
  return { shape: value.shape.with(axis - 1, indices.length), last: picked }
}

interface Slice {
  /** As ONNX counts it. */
  readonly axis: number
  readonly start: number
  readonly end: number
  readonly step: number
}

function positions({ start, end, step }: Slice): number[] {
  const count = Math.max(0, Math.ceil((end - start) / step))
  return Array.from({ length: count }, (_, index) => start + index * step)
}

/** Slices that go forwards. */
function slice({ builder }: NodeContext, value: Value, slices: readonly Slice[]): Value {
  if (slices.length === 0) return value
  const shape = [...value.shape]
  for (const one of slices) shape[one.axis - 1] = positions(one).length
  const bounds = (['start', 'end', 'axis', 'step'] as const).map((name) => builder.ints(slices.map((one) => one[name])))
  return { shape, last: builder.add('Slice', [channelsLast(builder, value), ...bounds]) }
}

/** What StridedSlice says of the axes that its numbers are about; an ellipsis stands for all others, and new axes are none. */
function readBounds(context: NodeContext, sizes: readonly number[]) {
  const { node } = context
  const [begins, ends, steps] = [1, 2, 3].map((index) => integersAt(context, index))
  const has = (mask: string, index: number) => ((integerOf(node, mask) >> index) & 1) === 1
  const spelt = begins.filter((_, index) => !has('ellipsis_mask', index) && !has('new_axis_mask', index)).length
  let axis = 0
  return begins.flatMap((begin, index) => {
    if (has('ellipsis_mask', index)) axis += sizes.length - spelt
    if (has('ellipsis_mask', index) || has('new_axis_mask', index)) return []
    const size = sizes[axis]
    const step = steps[index]
    const [least, most] = step > 0 ? [0, size] : [-1, size - 1]
    const bound = (position: number) => Math.min(Math.max(position < 0 ? position + size : position, least), most)
    if (has('shrink_axis_mask', index)) {
      // The other masks say nothing of an axis that goes.
      const start = begin < 0 ? begin + size : begin
      return [{ axis: axis++, size, start, end: start + 1, step: 1 }]
    }
    const start = has('begin_mask', index) ? (step > 0 ? least : most) : bound(begin)
    const end = has('end_mask', index) ? (step > 0 ? most : least) : bound(ends[index])
    return [{ axis: axis++, size, start, end, step }]
  })
}

const stridedSlice: NodeRule = (context) => {
  const value = valueAt(context, 0)
  const cut = readBounds(context, sizesOf(value))
    .filter(({ start, end, step, size }) => start !== 0 || end !== size || step !== 1)
    .map((bounds) => ({ ...bounds, axis: axisIn(value, bounds.axis) }))
  const [forwards, backwards] = [cut.filter(({ step }) => step > 0), cut.filter(({ step }) => step < 0)]
  const sliced = slice(context, value, forwards)
  return [backwards.reduce((turned, one) => pick(context, turned, one.axis, positions(one)), sliced)]
}

/** Parts of these sizes; only as many of them are named as the node has outputs that are used. */
function split({ builder, outputs }: NodeContext, value: Value, axis: number, sizes: readonly number[]): Value[] {
  const names = builder.addMany('Split', [channelsLast(builder, value), builder.ints(sizes)], sizes.length, { axis })
  return outputs.map((_, index) => ({ shape: value.shape.with(axis - 1, sizes[index]), last: names[index] }))
}

/** In equal parts. */
function splitEvenly(context: NodeContext, value: Value, counted: number, parts: number): Value[] {
  const axis = axisIn(value, counted)
  const size = value.shape[axis - 1] / parts
  return split(context, value, axis, Array<number>(parts).fill(size))
}

const gather = (context: NodeContext, counted: number): Value[] => {
  const value = valueAt(context, 0)
  const { data, shape } = constantAt(context, 1)
  const batchAxes = shape.slice(0, integerOf(context.node, 'batch_dims'))
  if (batchAxes.some((size) => size !== 1)) throw new UntranslatableError('it picks others from each part of a batch')
  return [pick(context, value, axisIn(value, counted), Array.from(data))]
}

function reversed(context: NodeContext, axes: readonly number[]): Value[] {
  const value = valueAt(context, 0)
  const turn = (turned: Value, counted: number) => {
    const axis = axisIn(value, counted)
    const start = value.shape[axis - 1] - 1
    return pick(context, turned, axis, positions({ axis, start, end: -1, step: -1 }))
  }
  return [axes.reduce(turn, value)]
}

/** Nodes that take parts of a value. */
export const slicingNodes: Readonly<Record<string, NodeRule>> = {
  StridedSlice: stridedSlice,

  Slice(context) {
    const value = valueAt(context, 0)
    const [sizes, lengths] = [sizesOf(value), integersAt(context, 2)]
    const cut = integersAt(context, 1).flatMap((start, axis) => {
      const end = lengths[axis] === -1 ? sizes[axis] : start + lengths[axis]
      return start === 0 && end === sizes[axis] ? [] : [{ axis: axisIn(value, axis), start, end, step: 1 }]
    })
    return [slice(context, value, cut)]
  },

  Split: (context) =>
    splitEvenly(context, valueAt(context, 1), integersAt(context, 0)[0], integerOf(context.node, 'num_split')),

  SplitV(context) {
    const value = valueAt(context, 0)
    const axis = axisIn(value, integersAt(context, 2)[0])
    const sizes = integersAt(context, 1)
    const rest = value.shape[axis - 1] - sizes.reduce((sum, size) => sum + Math.max(0, size), 0)
    const known = sizes.map((size) => (size === -1 ? rest : size))
    return split(context, value, axis, known)
  },

  Unpack(context) {
    const value = valueAt(context, 0)
    const axis = countedAxis(integerOf(context.node, 'axis'), sizesOf(value).length)
    return splitEvenly(context, value, axis, sizesOf(value)[axis])
  },

  Gather: (context) => gather(context, 0),
  GatherV2: (context) => gather(context, integersAt(context, 2)[0]),
  Reverse: (context) =>
    reversed(
      context,
      integersAt(context, 1).flatMap((isTurned, axis) => (isTurned ? [axis] : [])),
    ),
  ReverseV2: (context) => reversed(context, integersAt(context, 1)),

  /** Margins are what lies next to the edge, with the edge itself or without. */
  MirrorPad(context) {
    const value = valueAt(context, 0)
    const gap = textOf(context.node, 'mode')?.toUpperCase() === 'REFLECT' ? 1 : 0
    const sizes = sizesOf(value)
    const margins = integersAt(context, 1)
    return [
      sizes.reduce((padded, size, axis) => {
        const [before, after] = margins.slice(2 * axis, 2 * axis + 2)
        if (before === 0 && after === 0) return padded
        const indices = Array.from({ length: before + size + after }, (_, index) => {
          const position = index - before
          if (position < 0) return gap - 1 - position
          return position < size ? position : 2 * size - 1 - gap - position
        })
        return pick(context, padded, axisIn(value, axis), indices)
      }, value),
    ]
  },
}
