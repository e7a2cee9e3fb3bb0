import type { GraphBuilder } from '../graph/builder.js'
import { floatAttribute, type GraphNode, intAttribute, intsAttribute, isBatch, type Shape } from '../graph/graph.js'
import {
  batchFirstSizes,
  isAlone,
  type Layout,
  movedAxis,
  reshapedLayout,
  reshapedLayoutOfOne,
  sameLayout,
} from './layout.js'

/** A value whose batch is the first axis now, and where that was before. */
export interface Moved {
  readonly name: string
  readonly layout: Layout
}

/** The values that an operator may read, as far as their batches are moved. */
export interface MovedValues {
  readonly builder: GraphBuilder
  readonly oneAtATime: boolean
  /** In the graph as it was. */
  shape(value: string): Shape
  isActivation(value: string): boolean
  /** An activation with the batch first; undefined where its batch could not be moved. */
  moved(value: string): Moved | undefined
  constant(value: string | undefined): number[] | undefined
  /** A value that is no activation, with size 1 in place of the batch; undefined where samples have different ones. */
  fixed(value: string): { readonly name: string; readonly shape: readonly number[] } | undefined
}

/** Emits a node, all of whose activations are moved, for values with the batch first; undefined where that is not possible. */
type BatchFirstRule = (node: GraphNode, mover: MovedValues) => readonly Moved[] | undefined

function same(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const operands = broadcastOperands(node.inputs, mover.shape(node.outputs[0]).length, mover)
  if (!operands) return undefined
  return [{ name: addLike(node, operands.names, mover), layout: operands.layout }]
}

function addLike(node: GraphNode, inputs: readonly string[], { builder }: MovedValues): string {
  return builder.add(node.operator, inputs, Object.fromEntries(node.attributes))
}

/** Operands that broadcast, aligned to the right, to a result of the given rank. */
function broadcastOperands(
  inputs: readonly string[],
  rank: number,
  mover: MovedValues,
): { names: string[]; layout: Layout } | undefined {
  const { builder } = mover
  const layouts = inputs.flatMap((input) => {
    if (!mover.isActivation(input)) return []
    const { layout } = mover.moved(input)!
    return [{ ...layout, axis: layout.axis + rank - mover.shape(input).length }]
  })
  const [layout] = layouts
  if (!layouts.every((other) => sameLayout(other, layout))) return undefined
  const names: string[] = []
  for (const input of inputs) {
    if (input === '') {
      names.push('')
      continue
    }
    const missing = rank - mover.shape(input).length
    if (mover.isActivation(input)) {
      const { name } = mover.moved(input)!
      const axes = builder.ints(Array.from({ length: missing }, (_, index) => index + 1))
      names.push(missing > 0 ? builder.add('Unsqueeze', [name, axes]) : name)
      continue
    }
    const fixed = mover.fixed(input)
    const axis = layout.axis - missing
    if (!fixed || (axis >= 0 && fixed.shape[axis] !== 1)) return undefined
    names.push(axis >= 0 && isAlone(layout) ? builder.add('Squeeze', [fixed.name, builder.ints([axis])]) : fixed.name)
  }
  return { names, layout }
}

function transpose(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const [input] = node.inputs
  const { name, layout } = mover.moved(input)!
  const rank = mover.shape(input).length
  const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
  const behind = isAlone(layout) ? perm.filter((axis) => axis !== layout.axis) : perm
  const moves = [0, ...behind.map((axis) => movedAxis(axis, layout))]
  const isUnchanged = moves.every((axis, index) => axis === index)
  return [
    {
      name: isUnchanged ? name : mover.builder.add('Transpose', [name], { perm: moves }),
      layout: { ...layout, axis: perm.indexOf(layout.axis) },
    },
  ]
}

function reshape(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const [input] = node.inputs
  const { name, layout } = mover.moved(input)!
  const target = mover.shape(node.outputs[0])
  const follow = mover.oneAtATime ? reshapedLayoutOfOne : reshapedLayout
  const reshaped = follow(mover.shape(input), layout, target)
  if (!reshaped) return undefined
  const sizes = batchFirstSizes(target, reshaped)
  return [{ name: mover.builder.add('Reshape', [name, mover.builder.ints([0, ...sizes])]), layout: reshaped }]
}

function matMul(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const rank = mover.shape(node.outputs[0]).length
  const [left, right] = node.inputs
  if ([left, right].some((value) => mover.shape(value).length < 2)) return undefined
  const batchAxis = (value: string) => mover.moved(value)!.layout.axis - mover.shape(value).length
  // The batch may be along the rows of the left factor only where the right one has nothing but its matrix.
  const rowsOfLeft = mover.isActivation(left) && batchAxis(left) === -2
  if (rowsOfLeft && (mover.isActivation(right) || mover.shape(right).length > 2)) return undefined
  const isLead = (value: string) => !mover.isActivation(value) || batchAxis(value) < -2
  if (!rowsOfLeft && ![left, right].every(isLead)) return undefined
  if (rowsOfLeft) {
    const { name, layout } = mover.moved(left)!
    return [{ name: mover.builder.add('MatMul', [name, right]), layout }]
  }
  const operands = broadcastOperands(node.inputs, rank, mover)
  return operands && [{ name: mover.builder.add('MatMul', operands.names), layout: operands.layout }]
}

function gemm(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const { builder } = mover
  const [input, weight, bias] = node.inputs
  if (!mover.isActivation(input) || mover.isActivation(weight) || intAttribute(node, 'transA', 0) !== 0)
    return undefined
  const { name, layout } = mover.moved(input)!
  const scaled = (value: string, factor: number) =>
    factor === 1 ? value : builder.add('Mul', [value, builder.scalar(factor)])
  const matrix = intAttribute(node, 'transB', 0) ? builder.add('Transpose', [weight], { perm: [1, 0] }) : weight
  const product = builder.add('MatMul', [name, scaled(matrix, floatAttribute(node, 'alpha', 1))])
  if (!bias) return [{ name: product, layout }]
  const shape = mover.isActivation(bias) ? [] : mover.shape(bias)
  if (mover.isActivation(bias) || shape.slice(0, -1).some((size) => size !== 1)) return undefined
  return [{ name: builder.add('Add', [product, scaled(bias, floatAttribute(node, 'beta', 1))]), layout }]
}

/** Operators that work along the axis of their attribute. */
function alongAxis(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const [input] = node.inputs
  const { name, layout } = mover.moved(input)!
  const axis = axisOf(node, -1, mover.shape(input).length, layout)
  if (axis === undefined) return undefined
  const attributes = Object.fromEntries(new Map(node.attributes).set('axis', { kind: 'int', value: axis }))
  const inputs = [name, ...node.inputs.slice(1)]
  const names = mover.builder.addMany(node.operator, inputs, node.outputs.length, attributes)
  return names.map((output) => ({ name: output, layout }))
}

function axisOf(node: GraphNode, fallback: number, rank: number, layout: Layout): number | undefined {
  const counted = intAttribute(node, 'axis', fallback)
  const axis = counted < 0 ? counted + rank : counted
  return axis === layout.axis ? undefined : movedAxis(axis, layout)
}

function concat(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const { builder } = mover
  const first = mover.moved(node.inputs.find((input) => mover.isActivation(input))!)!
  const rank = mover.shape(node.outputs[0]).length
  const axis = axisOf(node, 0, rank, first.layout)
  if (axis === undefined) return undefined
  const parts: string[] = []
  for (const input of node.inputs) {
    if (mover.isActivation(input)) {
      const { name, layout } = mover.moved(input)!
      if (!sameLayout(layout, first.layout)) return undefined
      parts.push(name)
      continue
    }
    const fixed = mover.fixed(input)
    if (!fixed || !isAlone(first.layout)) return undefined
    const sizes = fixed.shape.filter((_, index) => index !== first.layout.axis)
    const count = builder.add('Shape', [first.name], { start: 0, end: 1 })
    const shape = builder.add('Concat', [count, builder.ints(sizes)], { axis: 0 })
    parts.push(builder.add('Expand', [builder.add('Reshape', [fixed.name, builder.ints([1, ...sizes])]), shape]))
  }
  return [{ name: builder.add('Concat', parts, { axis }), layout: first.layout }]
}

function gather(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const [input, indices] = node.inputs
  if (!mover.isActivation(input) || mover.isActivation(indices) || mover.shape(indices).some(isBatch)) return undefined
  const { name, layout } = mover.moved(input)!
  const rank = mover.shape(input).length
  const axis = axisOf(node, 0, rank, layout)
  if (axis === undefined) return gatherBesideBatch(node, mover)
  const counted = intAttribute(node, 'axis', 0)
  const isBefore = (counted < 0 ? counted + rank : counted) < layout.axis
  const shift = isBefore ? mover.shape(indices).length - 1 : 0
  const gathered = mover.builder.add('Gather', [name, indices], { axis })
  return [{ name: gathered, layout: { ...layout, axis: layout.axis + shift } }]
}

/** Along an axis that a batch of 1 is joined with, as views of a flattened value are written; the batch gets an axis of 1. */
function gatherBesideBatch({ inputs: [input, indices] }: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const { builder } = mover
  const { name, layout } = mover.moved(input)!
  const shape = mover.shape(indices) as readonly number[]
  const alone = shape.indexOf(1)
  if (!mover.oneAtATime || isAlone(layout) || alone < 0) return undefined
  const others = builder.add('Squeeze', [indices, builder.ints([alone])])
  const gathered = builder.add('Gather', [name, others], { axis: layout.axis + 1 })
  return [{ name: gathered, layout: { axis: layout.axis + alone, outer: 1, inner: 1 } }]
}

function slice(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const { builder } = mover
  const [input, ...bounds] = node.inputs
  const { name, layout } = mover.moved(input)!
  const rank = mover.shape(input).length
  const [starts, ends, axes, steps] = bounds.map((value) => mover.constant(value))
  if (!starts || !ends) return undefined
  const slices = starts
    .map((start, index) => {
      const counted = axes?.[index] ?? index
      return { start, end: ends[index], step: steps?.[index] ?? 1, axis: counted < 0 ? counted + rank : counted }
    })
    .filter(({ axis, start, end, step }) => !(axis === layout.axis && start === 0 && step === 1 && end >= 2 ** 31 - 1))
  if (slices.some(({ axis }) => axis === layout.axis)) return undefined
  if (slices.length === 0) return [{ name, layout }]
  const list = (of: (one: (typeof slices)[number]) => number) => builder.ints(slices.map(of))
  const inputs = [
    name,
    list(({ start }) => start),
    list(({ end }) => end),
    list(({ axis }) => movedAxis(axis, layout)),
    list(({ step }) => step),
  ]
  return [{ name: builder.add('Slice', inputs), layout }]
}

function reduce(node: GraphNode, mover: MovedValues): readonly Moved[] | undefined {
  const [input] = node.inputs
  const { name, layout } = mover.moved(input)!
  const rank = mover.shape(input).length
  const axes = mover.constant(node.inputs[1])?.map((axis) => (axis < 0 ? axis + rank : axis))
  if (!axes || axes.length === 0 || axes.includes(layout.axis)) return undefined
  const reduced = addLike(node, [name, mover.builder.ints(axes.map((axis) => movedAxis(axis, layout)))], mover)
  const gone = intAttribute(node, 'keepdims', 1) ? 0 : axes.filter((axis) => axis < layout.axis).length
  return [{ name: reduced, layout: { ...layout, axis: layout.axis - gone } }]
}

/** By operator. */
export const batchFirstRules: ReadonlyMap<string, BatchFirstRule> = new Map([
  ...[
    'Abs',
    'Add',
    'And',
    'Cast',
    'Ceil',
    'Clip',
    'Div',
    'Elu',
    'Equal',
    'Erf',
    'Exp',
    'Floor',
    'Gelu',
    'Greater',
    'GreaterOrEqual',
    'HardSigmoid',
    'HardSwish',
    'Identity',
    'LeakyRelu',
    'Less',
    'LessOrEqual',
    'Log',
    'Max',
    'Min',
    'Mul',
    'Neg',
    'Not',
    'Or',
    'PRelu',
    'Pow',
    'Relu',
    'Round',
    'Sigmoid',
    'Softplus',
    'Sqrt',
    'Sub',
    'Tanh',
    'Where',
  ].map((operator): [string, BatchFirstRule] => [operator, same]),
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'].map((operator): [string, BatchFirstRule] => [operator, reshape]),
  ...['Softmax', 'LogSoftmax', 'Split'].map((operator): [string, BatchFirstRule] => [operator, alongAxis]),
  ...['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin'].map((operator): [string, BatchFirstRule] => [
    operator,
    reduce,
  ]),
  ['Transpose', transpose],
  ['MatMul', matMul],
  ['Gemm', gemm],
  ['Concat', concat],
  ['Gather', gather],
  ['Slice', slice],
])
