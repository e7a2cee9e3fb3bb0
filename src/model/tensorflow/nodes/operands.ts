import { UntranslatableError } from '../layers/layer.js'
import { channelsLast, type Form, reshaped, type Value } from '../layers/value.js'
import { type Constant, type NodeContext, type TopologyNode, textOf } from './node.js'

/** @throws UntranslatableError where that input is a constant. */
export function valueAt({ operands }: NodeContext, index: number): Value {
  const operand = operands[index]
  if (operand && 'value' in operand) return operand.value
  throw new UntranslatableError('it takes a constant where it usually takes a value of the network')
}

/** @throws UntranslatableError where that input depends on the input of the model. */
export function constantAt({ operands }: NodeContext, index: number): Constant {
  const operand = operands[index]
  if (operand && 'constant' in operand) return operand.constant
  throw new UntranslatableError('one of its parameters depends on the input')
}

/** Whole numbers, such as axes. */
export function integersAt(context: NodeContext, index: number): number[] {
  return Array.from(constantAt(context, index).data)
}

/** The sizes of a value where TensorFlow.js is given one sample. */
export function sizesOf({ shape, isBare }: Form): readonly number[] {
  return isBare ? shape : [1, ...shape]
}

/** The form of a value that has these sizes where TensorFlow.js is given one sample. */
export function formOfSizes(sizes: readonly number[]): Form {
  return sizes[0] === 1 ? { shape: sizes.slice(1) } : { shape: sizes, isBare: true }
}

/** The sizes with as many axes, of which the first are new. */
export function padded(sizes: readonly number[], rank: number): number[] {
  return [...Array<number>(Math.max(0, rank - sizes.length)).fill(1), ...sizes]
}

/** The name of a value with these sizes; of one that is not to be bare, the first of them is the batch. */
export function sized({ builder }: NodeContext, value: Value, sizes: readonly number[], isBare = false): string {
  return channelsLast(builder, reshaped(builder, value, { shape: isBare ? sizes : sizes.slice(1), isBare }))
}

/** An axis that may be counted from the end, from the first one that TensorFlow.js has. */
export function countedAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}

/**
 * An axis as TensorFlow.js counts it, in ONNX.
 * @throws UntranslatableError for the batch itself.
 */
export function axisIn(form: Form, axis: number): number {
  const counted = countedAxis(axis, sizesOf(form).length)
  if (form.isBare) return counted + 1
  if (counted > 0) return counted
  throw new UntranslatableError('it works along the batch')
}

/** @throws UntranslatableError for a node that works on images with the channels first. */
export function refuseChannelsFirst(node: TopologyNode): void {
  if (!/^ND?HWC$/.test(textOf(node, 'data_format') ?? 'NHWC')) throw new UntranslatableError('its channels come first')
}
