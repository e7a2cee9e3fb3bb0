import type { GraphBuilder } from '../graph/builder.js'

/**
 * How far logits are apart, the largest less the smallest one, where cross-entropy is a good guide: those of most trained
 * classifiers are. Closer together, it points towards all other classes alike; further apart, probabilities underflow.
 */
const usualSpreads = [20, 40] as const

// Keeps the factor finite where all logits are equal.
const smallestSpread = 1e-12

/**
 * Emits the factor (float32 [batch, 1], above zero) that brings logits to a usual scale: what an attack finds must not
 * depend on a constant factor of theirs. It counts as a constant: its own derivative would only hold the spread where it is.
 * What the scale of logits hides from cross-entropy: Yu and Xu, "Efficient loss function by minimizing the detrimental
 * effect of floating-point errors on gradient-based attacks", CVPR 2023, who bring the margin to a fixed scale instead.
 */
export function emitUsualScale(builder: GraphBuilder, logits: string): string {
  const axes = builder.ints([1])
  const spread = builder.add('Sub', [
    builder.add('ReduceMax', [logits, axes]),
    builder.add('ReduceMin', [logits, axes]),
  ])
  const divisor = builder.add('Max', [spread, builder.scalar(smallestSpread)])
  const [least, most] = usualSpreads.map((bound) => builder.scalar(bound))
  return builder.add('Div', [builder.add('Clip', [divisor, least, most]), divisor])
}
