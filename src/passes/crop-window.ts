import { featureShape, type GraphNode, intAttribute, intsAttribute, type TypedGraph } from '../graph/graph.js'
import type { RuleContext } from '../operators/operator.js'
import { type WindowGeometry, windowGeometry } from '../operators/windows.js'

/** What one position of the target sees of a value: along each axis `length` elements from step·position + start on. */
export interface Window {
  readonly step: readonly number[]
  readonly start: readonly number[]
  readonly length: readonly number[]
}

export const elementwise = new Set([
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

export function spatialSizes(value: string, graph: TypedGraph): readonly number[] | undefined {
  const type = graph.values.get(value)
  return type && featureShape(type.shape)?.slice(1)
}

/** The window of a node's inputs for one of its output; undefined for operators that see more than a window. */
export function windowBefore(node: GraphNode, window: Window, graph: TypedGraph): Window | undefined {
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
export function isSeparate({ operator, inputs, outputs }: GraphNode, context: RuleContext): boolean {
  // Outside of a divisor there would be zeros.
  if (operator === 'Div' && context.isActivation(inputs[1])) return false
  const sizes = spatialSizes(outputs[0], context.graph)!
  return inputs
    .filter((input) => context.isActivation(input))
    .every((input) => spatialSizes(input, context.graph)?.every((size, axis) => size === sizes[axis]))
}

/** Whether a constant operand of an elementwise node is not the same at all positions. */
export function variesInSpace(value: string, { operator, outputs }: GraphNode, graph: TypedGraph): boolean {
  if (!['Add', 'Sub', 'Mul', 'Div', 'PRelu'].includes(operator)) return false
  const type = graph.values.get(value)
  if (!type) return true
  const axes = spatialSizes(outputs[0], graph)!.length
  return type.shape.slice(-axes).some((size) => size !== 1)
}

/** The window that holds both; undefined where they move in different steps. */
export function unite(left: Window | undefined, right: Window): Window | undefined {
  if (!left) return right
  if (left.step.some((step, axis) => step !== right.step[axis])) return undefined
  const start = left.start.map((first, axis) => Math.min(first, right.start[axis]))
  const end = left.start.map((first, axis) =>
    Math.max(first + left.length[axis], right.start[axis] + right.length[axis]),
  )
  return { step: left.step, start, length: end.map((last, axis) => last - start[axis]) }
}
