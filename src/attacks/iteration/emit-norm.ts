import { type AttackNorm, exponent } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import { elementCount } from '../../graph/graph.js'
import { sumOfMagnitudes } from '../../operators/batch-invariant.js'

/** Emits the norm (float [batch]) of each sample of `displacement`, whose samples have the given shape. */
export function emitNorm(
  builder: GraphBuilder,
  norm: AttackNorm,
  displacement: string,
  sampleShape: readonly number[],
): string {
  const flat = builder.add('Reshape', [displacement, builder.ints([0, elementCount(sampleShape)])])
  const reduce = (operator: string, values: string) =>
    builder.add(operator, [values, builder.ints([1])], { keepdims: 0 })
  // ReduceL1 and ReduceL2 take three times as long: of the reductions only sum and maximum have fast kernels.
  if (norm === 'l2') return builder.add('Sqrt', [reduce('ReduceSum', builder.add('Mul', [flat, flat]))])
  const sizes = builder.add('Abs', [flat])
  if (norm === 'l1') return reduce('ReduceSum', sizes)
  if (norm === 'linf') return reduce('ReduceMax', sizes)
  if (norm === 'l0') {
    const changed = builder.add('Greater', [sizes, builder.scalar(0)])
    return reduce('ReduceSum', builder.add('Cast', [changed], { to: elementTypeNumbers.float32 }))
  }
  const power = exponent(norm)
  // Powers of small numbers would underflow.
  const largest = builder.add('ReduceMax', [sizes, builder.ints([1])])
  const isZero = builder.add('Equal', [largest, builder.scalar(0)])
  const scaled = builder.add('Div', [sizes, builder.add('Where', [isZero, builder.scalar(1), largest])])
  const sum = builder.add(sumOfMagnitudes, [builder.add('Pow', [scaled, builder.scalar(power)]), builder.ints([1])])
  const length = builder.add('Mul', [largest, builder.add('Pow', [sum, builder.scalar(1 / power)])])
  return builder.add('Squeeze', [length, builder.ints([1])])
}
