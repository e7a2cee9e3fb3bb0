import { UntranslatableError, type Weights } from '../layers/layer.js'
import type { Value } from '../layers/value.js'
import { type NodeContext, type TopologyNode, textOf } from './node.js'

/** @throws UntranslatableError where that input is a constant. */
export function valueAt({ operands }: NodeContext, index: number): Value {
  const operand = operands[index]
  if (operand && 'value' in operand) return operand.value
  throw new UntranslatableError('it takes a constant where it usually takes a value of the network')
}

/** @throws UntranslatableError where that input depends on the input of the model. */
export function constantAt({ operands }: NodeContext, index: number): Weights {
  const operand = operands[index]
  if (operand && 'constant' in operand) return operand.constant
  throw new UntranslatableError('one of its parameters depends on the input')
}

/** Whole numbers, such as axes. */
export function integersAt(context: NodeContext, index: number): number[] {
  return Array.from(constantAt(context, index).data)
}

/**
 * An axis counted from the end, or from the batch on, as the number of an axis with the batch first.
 * @throws UntranslatableError for the batch itself.
 */
export function axisBehindBatch(axis: number, shape: readonly number[]): number {
  const counted = axis < 0 ? axis + shape.length + 1 : axis
  if (counted > 0) return counted
  throw new UntranslatableError('it works along the batch')
}

/** @throws UntranslatableError for a node that works on images with the channels first. */
export function refuseChannelsFirst(node: TopologyNode): void {
  if ((textOf(node, 'data_format') ?? 'NHWC') !== 'NHWC') throw new UntranslatableError('its channels come first')
}
