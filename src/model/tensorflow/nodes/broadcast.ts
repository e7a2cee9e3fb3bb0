import { UntranslatableError } from '../layers/layer.js'
import type { Value } from '../layers/value.js'
import type { Constant, NodeContext, Operand } from './node.js'
import { padded, sized, sizesOf } from './operands.js'

/** The result of an operator on operands that broadcast: channels first where all values have that form. */
export function broadcast(
  context: NodeContext,
  operands: readonly Operand[],
  emit: (names: readonly string[]) => string,
): Value {
  const {
    outputs: [{ shape, isBare = false }],
  } = context
  const rank = sizesOf({ shape, isBare }).length
  const isFirst = operands.every(
    (operand) =>
      'constant' in operand ||
      (operand.value.first !== undefined &&
        operand.value.shape.length === shape.length &&
        (operand.value.isBare ?? false) === isBare),
  )
  const names = operands.map((operand) => {
    if ('constant' in operand) return emitConstant(context, operand.constant, isFirst)
    return isFirst ? operand.value.first! : sized(context, operand.value, padded(sizesOf(operand.value), rank), isBare)
  })
  const output = emit(names)
  return isFirst ? { shape, isBare, first: output } : { shape, isBare, last: output }
}

/** A constant that is broadcast to the output. */
function emitConstant(
  { builder, outputs: [output] }: NodeContext,
  { data, shape, isLogical }: Constant,
  channelsFirst: boolean,
): string {
  const aligned = padded(shape, sizesOf(output).length)
  const batch = output.isBare ? 1 : aligned.shift()
  if (batch !== 1) throw new UntranslatableError('it takes a constant that has a part for each sample')
  const sizes = [1, ...aligned]
  const last = isLogical
    ? builder.constant({ type: 'bool', shape: sizes, data: Uint8Array.from(data) })
    : builder.floats(data, sizes)
  if (!channelsFirst) return last
  const rank = aligned.length
  const channels = aligned.pop() ?? 1
  if (!isLogical && aligned.every((size) => size === 1)) return builder.floats(data, [1, channels, ...aligned])
  return builder.add('Transpose', [last], { perm: [0, rank, ...aligned.map((_, axis) => axis + 1)] })
}
