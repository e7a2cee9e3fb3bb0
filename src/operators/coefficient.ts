import { isBatch } from '../graph/graph.js'
import type { RuleContext } from './operator.js'
import { refuse } from './refuse.js'

// onnxruntime may fold a neighbouring Mul, Add or BatchNormalization into the weights of a linear operator, which
// rounds each of them a few times more.
export const foldedRoundings = 8

/** A value that is no activation, as it enters W, or |W| with `absolute`. It is the same for every row. */
export function coefficient(value: string, absolute: boolean, context: RuleContext): string {
  const { builder, graph } = context
  if (context.shape(value).some(isBatch) && !graph.alike.has(value)) {
    const producer = graph.nodes.find(({ outputs }) => outputs.includes(value))
    refuse(producer ?? graph.nodes[0], 'it gives samples different constants')
  }
  const weight = context.weight(value)
  return absolute ? builder.once(`absolute ${weight}`, () => builder.add('Abs', [weight])) : weight
}

/** The elements of a constant of whole numbers; undefined when it is missing or not known. */
export function constantInts(value: string | undefined, context: RuleContext): readonly number[] | undefined {
  const tensor = value ? context.constant(value) : undefined
  return tensor && Array.from(tensor.data, Number)
}
