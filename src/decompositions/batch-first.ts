import { GraphBuilder } from '../graph/builder.js'
import {
  floatAttribute,
  type Graph,
  type GraphNode,
  intAttribute,
  intsAttribute,
  isBatch,
  type Shape,
  type TypedGraph,
} from '../graph/graph.js'
import { findActivations } from '../passes/context.js'
import { numbers } from './decomposition.js'
import {
  batchFirstSizes,
  isAlone,
  isBatchFirst,
  type Layout,
  layoutOf,
  movedAxis,
  reshapedLayout,
  reshapedLayoutOfOne,
  sameLayout,
  sizesOfOne,
} from './layout.js'

/** A value whose batch is the first axis now, and where that was before. */
interface Moved {
  readonly name: string
  readonly layout: Layout
}

/**
 * The same function with the batch as the first axis of every value, as rules need it to tell samples apart: exporters
 * put the time first (recurrent layers, attention of PyTorch) or join the batch with other axes (heads, windows).
 * Nodes that this does not cover stay as they are. Undefined where there is nothing to move. With `oneAtATime`, the graph
 * is fixed to a batch of 1, and its shapes do not tell which axis that is: it is followed from the input on.
 */
export function moveBatchFirst(graph: TypedGraph, oneAtATime: boolean): Graph | undefined {
  const activations = findActivations(graph)
  const isMoved = (value: string) => {
    const layout = layoutOf(graph.values.get(value)!.shape)
    return layout === undefined || !isBatchFirst(layout)
  }
  if (![...activations].some(isMoved)) return undefined
  return new BatchMover(graph, activations, oneAtATime).run()
}

type Handler = (node: GraphNode, mover: BatchMover) => readonly Moved[] | undefined

class BatchMover {
  readonly builder: GraphBuilder
  readonly graph: TypedGraph
  readonly oneAtATime: boolean
  readonly #activations: ReadonlySet<string>
  readonly #moved = new Map<string, Moved>()

  constructor(graph: TypedGraph, activations: ReadonlySet<string>, oneAtATime: boolean) {
    this.graph = graph
    this.oneAtATime = oneAtATime
    this.builder = new GraphBuilder(graph.opset, 'float32', { count: 0, prefix: 'batch first:' })
    this.#activations = activations
  }

  run(): Graph {
    const { builder, graph } = this
    const [{ name, type, shape }] = graph.inputs
    builder.input(name, type!, shape!)
    for (const [constant, tensor] of graph.constants) builder.constant(tensor, constant)
    this.#moved.set(name, { name, layout: { axis: 0, outer: 1, inner: 1 } })
    for (const node of graph.nodes) this.#visit(node)
    for (const output of graph.outputs) builder.output(output.name, this.#restored(output.name))
    return builder.build()
  }

  shape(value: string): Shape {
    return this.graph.values.get(value)!.shape
  }

  isActivation(value: string): boolean {
    return this.#activations.has(value)
  }

  /** An activation with the batch first; undefined where its batch could not be moved. */
  moved(value: string): Moved | undefined {
    return this.#moved.get(value)
  }

  constant(value: string | undefined): number[] | undefined {
    return value ? numbers(this.graph.constants.get(value)) : undefined
  }

  /** A value that is no activation, with size 1 in place of the batch; undefined where samples have different ones. */
  fixed(value: string): { readonly name: string; readonly shape: readonly number[] } | undefined {
    const tensor = this.graph.alike.get(value)
    if (tensor)
      return { name: this.builder.once(`alike ${value}`, () => this.builder.constant(tensor)), shape: tensor.shape }
    const shape = this.shape(value)
    return shape.some(isBatch) ? undefined : { name: value, shape: shape as readonly number[] }
  }

  #visit(node: GraphNode): void {
    const inputs = node.inputs.filter((input) => this.isActivation(input))
    const outputs = node.outputs.filter((output) => this.isActivation(output))
    const isUsual = (layout: Layout | undefined) => layout !== undefined && isBatchFirst(layout)
    const areInputsUsual = inputs.every((input) => isUsual(this.moved(input)?.layout))
    const handler = handlers.get(node.operator)
    // A shape that is fixed does not tell whether the output still has the batch first; what has no handler keeps it there.
    const isPlain =
      areInputsUsual && (this.oneAtATime ? !handler : outputs.every((output) => isUsual(this.#shown(output))))
    const results = !isPlain && inputs.every((input) => this.moved(input)) ? handler?.(node, this) : undefined
    if (results) {
      results.forEach((result, index) => this.#moved.set(node.outputs[index], result))
      return
    }
    this.builder.node({ ...node, inputs: node.inputs.map((input) => (input ? this.#restored(input) : '')) })
    for (const output of outputs) {
      const layout = this.#shown(output)
      if (layout && isBatchFirst(layout)) this.#moved.set(output, { name: output, layout })
    }
  }

  /** Where the shape says that the batch is. */
  #shown(value: string): Layout | undefined {
    return layoutOf(this.shape(value))
  }

  /** A value as the file has it. */
  #restored(value: string): string {
    const moved = this.moved(value)
    if (!moved || isBatchFirst(moved.layout)) return moved?.name ?? value
    const { builder } = this
    const { name, layout } = moved
    const shape = sizesOfOne(this.shape(value))
    return builder.once(`restored ${value}`, () => {
      const sizes = shape.map((size, axis) => (axis === layout.axis ? -1 : size))
      const before = shape.slice(0, layout.axis)
      const after = shape.slice(layout.axis + 1)
      const apart = builder.add('Reshape', [name, builder.ints([0, ...before, layout.outer, layout.inner, ...after])])
      const count = before.length + 1
      const perm = [...Array.from({ length: count }, (_, axis) => axis + 1), 0]
      for (let axis = count + 1; axis < shape.length + 2; axis++) perm.push(axis)
      return builder.add('Reshape', [builder.add('Transpose', [apart], { perm }), builder.ints(sizes)])
    })
  }
}

function same(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
  const operands = broadcastOperands(node.inputs, mover.shape(node.outputs[0]).length, mover)
  if (!operands) return undefined
  return [{ name: addLike(node, operands.names, mover), layout: operands.layout }]
}

function addLike(node: GraphNode, inputs: readonly string[], { builder }: BatchMover): string {
  return builder.add(node.operator, inputs, Object.fromEntries(node.attributes))
}

/** Operands that broadcast, aligned to the right, to a result of the given rank. */
function broadcastOperands(
  inputs: readonly string[],
  rank: number,
  mover: BatchMover,
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

function transpose(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
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

function reshape(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
  const [input] = node.inputs
  const { name, layout } = mover.moved(input)!
  const target = mover.shape(node.outputs[0])
  const follow = mover.oneAtATime ? reshapedLayoutOfOne : reshapedLayout
  const reshaped = follow(mover.shape(input), layout, target)
  if (!reshaped) return undefined
  const sizes = batchFirstSizes(target, reshaped)
  return [{ name: mover.builder.add('Reshape', [name, mover.builder.ints([0, ...sizes])]), layout: reshaped }]
}

function matMul(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
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

function gemm(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
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
function alongAxis(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
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

function concat(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
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

function gather(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
  const [input, indices] = node.inputs
  if (!mover.isActivation(input) || mover.isActivation(indices) || mover.shape(indices).some(isBatch)) return undefined
  const { name, layout } = mover.moved(input)!
  const rank = mover.shape(input).length
  const axis = axisOf(node, 0, rank, layout)
  if (axis === undefined) return undefined
  const counted = intAttribute(node, 'axis', 0)
  const isBefore = (counted < 0 ? counted + rank : counted) < layout.axis
  const shift = isBefore ? mover.shape(indices).length - 1 : 0
  const gathered = mover.builder.add('Gather', [name, indices], { axis })
  return [{ name: gathered, layout: { ...layout, axis: layout.axis + shift } }]
}

function slice(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
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

function reduce(node: GraphNode, mover: BatchMover): readonly Moved[] | undefined {
  const [input] = node.inputs
  const { name, layout } = mover.moved(input)!
  const rank = mover.shape(input).length
  const axes = mover.constant(node.inputs[1])?.map((axis) => (axis < 0 ? axis + rank : axis))
  if (!axes || axes.length === 0 || axes.includes(layout.axis)) return undefined
  const reduced = addLike(node, [name, mover.builder.ints(axes.map((axis) => movedAxis(axis, layout)))], mover)
  const gone = intAttribute(node, 'keepdims', 1) ? 0 : axes.filter((axis) => axis < layout.axis).length
  return [{ name: reduced, layout: { ...layout, axis: layout.axis - gone } }]
}

const handlers: ReadonlyMap<string, Handler> = new Map([
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
  ].map((operator): [string, Handler] => [operator, same]),
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'].map((operator): [string, Handler] => [operator, reshape]),
  ...['Softmax', 'LogSoftmax', 'Split'].map((operator): [string, Handler] => [operator, alongAxis]),
  ...['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin'].map((operator): [string, Handler] => [operator, reduce]),
  ['Transpose', transpose],
  ['MatMul', matMul],
  ['Gemm', gemm],
  ['Concat', concat],
  ['Gather', gather],
  ['Slice', slice],
])
