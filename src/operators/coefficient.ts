import { isBatch } from '../graph/graph.js'
import type { RuleContext } from './operator.js'

// onnxruntime may fold a neighbouring Mul, Add or BatchNormalization into the weights of a linear operator, which
// rounds each of them a few times more.
export const foldedRoundings = 8

/** A value that is no activation, as it enters W, or |W| with `absolute`. It is the same for every row. */
export function coefficient(value: string, absolute: boolean, context: RuleContext): string {
  const { builder } = context
  const weight = context.weight(value)
  const [first] = context.shape(value)
  const followsBatch = first !== undefined && isBatch(first)
  const alike = followsBatch
    ? builder.once(`first row of ${weight}`, () =>
        builder.add('Slice', [weight, builder.ints([0]), builder.ints([1]), builder.ints([0])]),
      )
    : weight
  return absolute ? builder.once(`absolute ${alike}`, () => builder.add('Abs', [alike])) : alike
}

/** The elements of a constant of whole numbers; undefined when it is missing or not known. */
export function constantInts(value: string | undefined, context: RuleContext): readonly number[] | undefined {
  const tensor = value ? context.constant(value) : undefined
  return tensor && Array.from(tensor.data, Number)
}
