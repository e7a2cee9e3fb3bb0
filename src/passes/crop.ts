import { GraphBuilder } from '../graph/builder.js'
import {
  type Attribute,
  elementCount,
  featureShape,
  type GraphNode,
  intAttribute,
  intsAttribute,
  type TypedGraph,
  type ValueType,
} from '../graph/graph.js'
import type { RuleContext } from '../operators/operator.js'
import { type WindowGeometry, windowGeometry } from '../operators/windows.js'
import { ruleContext } from './context.js'
import { unravel } from './transposed-rows.js'

/** What one position of the target sees of a value: along each axis `length` elements from step·position + start on. */
interface Window {
  readonly step: readonly number[]
  readonly start: readonly number[]
  readonly length: readonly number[]
}

/**
 * The part of a convolutional network that one position of a feature map depends on. Every position sees a network of
 * the same shape, so that bounding many of them is a batch of small problems instead of few large ones.
 */
export interface Crop {
  /** The small network; values keep their names, the target has one position. */
  readonly graph: TypedGraph
  /** Number of positions of the target. */
  readonly positions: number
  /** The value of the whole network that one of the small network is a part of: most often the one of that name. */
  whole(value: string): string
  /** [positions × elements of the small value]: flat position in the whole value, −1 outside of it. */
  taps(value: string): Int32Array
}

const elementwise = new Set([
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Sigmoid',
  'Tanh',
  'Abs',
  'Clip',
  'Elu',
  'Erf',
  'Exp',
  'Gelu',
  'HardSigmoid',
  'HardSwish',
  'Softplus',
  'Identity',
  'BatchNormalization',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Neg',
])

const crops = new WeakMap<TypedGraph, Map<string, Crop | undefined>>()

/**
 * The crop around the positions of `target`; undefined where the network before it is not all convolutional, or where
 * the crop would save little.
 */
export function cropAround(graph: TypedGraph, target: string): Crop | undefined {
  const known = crops.get(graph) ?? new Map<string, Crop | undefined>()
  crops.set(graph, known)
  if (!known.has(target)) known.set(target, makeCrop(graph, target))
  return known.get(target)
}

// Cropped values overlap: all together they may take this many numbers per sample.
const mostElements = 2 ** 21
const worthwhile = 0.3

function makeCrop(graph: TypedGraph, target: string): Crop | undefined {
  const spatial = spatialSizes(target, graph)
  if (!spatial || spatial.length === 0 || elementCount(spatial) === 1) return undefined
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const same = (size: number) => spatial.map(() => size)
  const wanted = new Map<string, Window>([[target, { step: same(1), start: same(0), length: same(1) }]])
  const nodes: { node: GraphNode; inputs: (Window | undefined)[] }[] = []
  for (const node of graph.nodes.toReversed()) {
    const [output] = node.outputs
    const window = wanted.get(output)
    if (!window) continue
    const needs = windowBefore(node, window, graph)
    if (!needs || spatialSizes(output, graph)?.length !== spatial.length) return undefined
    const inputs = node.inputs.map((input) => (context.isActivation(input) ? needs : undefined))
    if (node.inputs.some((input) => !context.isActivation(input) && variesInSpace(input, node, graph))) return undefined
    if (elementwise.has(node.operator) && !isSeparate(node, context)) return undefined
    node.inputs.forEach((input, index) => {
      if (!inputs[index]) return
      const united = unite(wanted.get(input), needs)
      if (united) wanted.set(input, united)
    })
    if (node.inputs.some((input, index) => inputs[index] && !unite(wanted.get(input), needs))) return undefined
    nodes.push({ node, inputs })
  }
  if (!wanted.has(graph.inputs[0].name) || !spatialSizes(graph.inputs[0].name, graph)) return undefined
  const size = (value: string, sizes: readonly number[]) =>
    featureShape(graph.values.get(value)!.shape)![0] * elementCount(sizes)
  const total = (sizesOf: (value: string) => readonly number[]) =>
    [...wanted.keys()].reduce((sum, value) => sum + size(value, sizesOf(value)), 0)
  const cropped = total((value) => wanted.get(value)!.length)
  if (cropped > worthwhile * total((value) => spatialSizes(value, graph)!)) return undefined
  if (cropped * elementCount(spatial) > mostElements) return undefined
  const parts = new Map<string, Part>()
  const small = croppedGraph(graph, target, wanted, parts, nodes.reverse())
  const whole = (value: string) => parts.get(value)?.of ?? value
  const taps = new Map<string, Int32Array>()
  return {
    graph: small,
    positions: elementCount(spatial),
    whole,
    taps(value) {
      const window = parts.get(value)?.window ?? wanted.get(value)!
      const known = taps.get(value) ?? tapsOf(spatial, spatialSizes(whole(value), graph)!, window)
      taps.set(value, known)
      return known
    },
  }
}

function spatialSizes(value: string, graph: TypedGraph): readonly number[] | undefined {
  const type = graph.values.get(value)
  return type && featureShape(type.shape)?.slice(1)
}

/** The window of a node's inputs for one of its output; undefined for operators that see more than a window. */
function windowBefore(node: GraphNode, window: Window, graph: TypedGraph): Window | undefined {
  if (elementwise.has(node.operator)) return window
  const geometry = slidingWindow(node, graph)
  if (!geometry) return undefined
  const { kernel, strides, pads, dilations } = geometry
  return {
    step: window.step.map((step, axis) => step * strides[axis]),
    start: window.start.map((start, axis) => start * strides[axis] - pads[axis]),
    length: window.length.map(
      (length, axis) => (length - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1,
    ),
  }
}

function slidingWindow(node: GraphNode, graph: TypedGraph): WindowGeometry | undefined {
  const sizes = spatialSizes(node.inputs[0], graph)
  if (!sizes) return undefined
  if (node.operator === 'Conv') {
    const kernel = graph.constants.get(node.inputs[1])?.shape.slice(2)
    return kernel && windowGeometry(node, sizes, kernel)
  }
  if (node.operator !== 'MaxPool' && node.operator !== 'AveragePool') return undefined
  const geometry = windowGeometry(node, sizes, intsAttribute(node, 'kernel_shape')!)
  // Outside of a pooling window's input there are no zeros.
  const isInside = intAttribute(node, 'ceil_mode', 0) === 0 && geometry.pads.every((pad) => pad === 0)
  return isInside && node.outputs.length === 1 ? geometry : undefined
}

/** Whether each position of an elementwise node needs its activations at the same position only, and may be outside of them. */
function isSeparate({ operator, inputs, outputs }: GraphNode, context: RuleContext): boolean {
  // Outside of a divisor there would be zeros.
  if (operator === 'Div' && context.isActivation(inputs[1])) return false
  const sizes = spatialSizes(outputs[0], context.graph)!
  return inputs
    .filter((input) => context.isActivation(input))
    .every((input) => spatialSizes(input, context.graph)?.every((size, axis) => size === sizes[axis]))
}

/** Whether a constant operand of an elementwise node is not the same at all positions. */
function variesInSpace(value: string, { operator, outputs }: GraphNode, graph: TypedGraph): boolean {
  if (!['Add', 'Sub', 'Mul', 'Div', 'PRelu'].includes(operator)) return false
  const type = graph.values.get(value)
  if (!type) return true
  const axes = spatialSizes(outputs[0], graph)!.length
  return type.shape.slice(-axes).some((size) => size !== 1)
}

/** The window that holds both; undefined where they move in different steps. */
function unite(left: Window | undefined, right: Window): Window | undefined {
  if (!left) return right
  if (left.step.some((step, axis) => step !== right.step[axis])) return undefined
  const start = left.start.map((first, axis) => Math.min(first, right.start[axis]))
  const end = left.start.map((first, axis) =>
    Math.max(first + left.length[axis], right.start[axis] + right.length[axis]),
  )
  return { step: left.step, start, length: end.map((last, axis) => last - start[axis]) }
}

/** What a node needs of a value of which another one needs more. */
interface Part {
  readonly of: string
  readonly window: Window
}

/** Adds to `parts` the values that it makes of parts of others. */
function croppedGraph(
  graph: TypedGraph,
  target: string,
  wanted: ReadonlyMap<string, Window>,
  parts: Map<string, Part>,
  nodes: readonly { node: GraphNode; inputs: readonly (Window | undefined)[] }[],
): TypedGraph {
  const constants = new Map(graph.constants)
  const values = new Map<string, ValueType>(graph.values)
  const type = (value: string, length: readonly number[]): ValueType => {
    const { type: element, shape } = graph.values.get(value)!
    return { type: element, shape: [...shape.slice(0, 2), ...length] }
  }
  for (const [value, { length }] of wanted) values.set(value, type(value, length))

  const ints = (name: string, numbers: readonly number[]) => {
    constants.set(name, { type: 'int64', shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) })
    values.set(name, { type: 'int64', shape: [numbers.length] })
    return name
  }
  const cropped = nodes.flatMap(({ node, inputs }): GraphNode[] => {
    const slices: GraphNode[] = []
    const names = node.inputs.map((input, index) => {
      const need = inputs[index]
      const has = wanted.get(input)
      if (!need || !has || need.length.every((length, axis) => length === has.length[axis])) return input
      // Another consumer needs more of this value.
      const name = `${input} as ${node.outputs[0]} needs it`
      const first = need.start.map((start, axis) => start - has.start[axis])
      const bounds = [
        ints(`${name}: starts`, first),
        ints(
          `${name}: ends`,
          first.map((start, axis) => start + need.length[axis]),
        ),
        ints(
          `${name}: axes`,
          first.map((_, axis) => axis + 2),
        ),
      ]
      values.set(name, type(input, need.length))
      parts.set(name, { of: input, window: need })
      slices.push({
        operator: 'Slice',
        name,
        domain: '',
        inputs: [input, ...bounds],
        outputs: [name],
        attributes: new Map(),
      })
      return name
    })
    return [...slices, { ...node, inputs: names, attributes: withoutPads(node) }]
  })
  const [input] = graph.inputs
  const shape = [input.shape![0], input.shape![1], ...wanted.get(input.name)!.length]
  return { ...graph, inputs: [{ ...input, shape }], outputs: [{ name: target }], nodes: cropped, constants, values }
}

// Padding is part of the windows already.
function withoutPads(node: GraphNode): ReadonlyMap<string, Attribute> {
  const attributes = new Map(node.attributes)
  attributes.delete('pads')
  attributes.delete('auto_pad')
  return attributes
}

function tapsOf(targetSizes: readonly number[], sizes: readonly number[], { step, start, length }: Window): Int32Array {
  const [positions, elements] = [elementCount(targetSizes), elementCount(length)]
  return Int32Array.from({ length: positions * elements }, (_, index) => {
    const position = unravel(Math.floor(index / elements), targetSizes)
    const offset = unravel(index % elements, length)
    const at = sizes.map((_, axis) => step[axis] * position[axis] + start[axis] + offset[axis])
    if (at.some((place, axis) => place < 0 || place >= sizes[axis])) return -1
    return at.reduce((flat, place, axis) => flat * sizes[axis] + place, 0)
  })
}
