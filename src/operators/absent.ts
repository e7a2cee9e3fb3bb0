import type { GraphNode, Tensor } from '../graph/graph.js'
import type { IntervalContext } from './operator.js'

/** What is less is as good as −∞ next to anything that a network computes. */
const farBelow = -1e20

/**
 * Bool per element of an activation: whether it is so far below all others that a softmax gives it no share, as a mask of −∞
 * makes it. Undefined where no constant of its own node does so.
 */
export function emitAbsent(value: string, context: IntervalContext): string | undefined {
  const { builder, graph } = context
  const producer = graph.nodes.find(({ outputs }) => outputs.includes(value))
  if (!producer || !mayMask(producer, context)) return undefined
  return builder.once(`absent ${value}`, () =>
    builder.add('Less', [context.interval(value).upper, builder.scalar(farBelow)]),
  )
}

/** Something of the shape of an activation, with zeros for what is absent. */
export function emitPresent(something: string, value: string, context: IntervalContext): string {
  const absent = emitAbsent(value, context)
  return absent ? context.builder.add('Where', [absent, context.builder.scalar(0), something]) : something
}

function mayMask({ operator, inputs }: GraphNode, context: IntervalContext): boolean {
  if (operator !== 'Add' && operator !== 'Where') return false
  return inputs.some((input) => !context.isActivation(input) && mayBeFarBelow(context.constant(input)))
}

/** Of what is not known anything may be true. */
function mayBeFarBelow(constant: Tensor | undefined): boolean {
  if (!constant) return true
  const { data } = constant
  return (data instanceof Float32Array || data instanceof Float64Array) && data.some((number) => number < farBelow)
}
