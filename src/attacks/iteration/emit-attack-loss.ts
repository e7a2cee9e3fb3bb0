import type { GraphBuilder } from '../../graph/builder.js'
import { emitLoss, type Loss, type LossName } from '../../passes/losses.js'

/**
 * How far logits are apart, the largest less the smallest one, where cross-entropy is a good guide: those of most trained
 * classifiers are. Closer together, it points towards all other classes alike; further apart, probabilities underflow.
 */
const usualSpreads = [20, 40] as const

// Keeps the factor finite where all logits are equal.
const smallestSpread = 1e-12

/**
 * Emits a loss as {@link emitLoss} does, but the cross-entropy of logits at a usual scale: what an attack finds must not
 * depend on a constant factor of the logits. Of two classes the margin takes its place, which falls as the cross-entropy
 * grows and never vanishes. What the scale of the logits hides from cross-entropy: Yu and Xu, "Efficient loss function by minimizing the detrimental
 * effect of floating-point errors on gradient-based attacks", CVPR 2023, who bring the margin to a fixed scale instead.
 */
export function emitAttackLoss(
  builder: GraphBuilder,
  loss: LossName,
  logits: string,
  labels: string,
  classes: number,
): Loss {
  if (loss !== 'cross-entropy') return emitLoss(builder, loss, logits, labels, classes)
  if (classes === 2) {
    const margin = emitLoss(builder, 'margin', logits, labels, classes)
    return { value: builder.add('Neg', [margin.value]), gradient: builder.add('Neg', [margin.gradient]) }
  }
  const factor = emitFactor(builder, logits)
  const { value, gradient } = emitLoss(builder, loss, builder.add('Mul', [logits, factor]), labels, classes)
  // The factor counts as a constant: its own derivative would only hold the spread where it is.
  return { value, gradient: builder.add('Mul', [gradient, factor]) }
}

/** float32 [batch, 1], above zero. */
function emitFactor(builder: GraphBuilder, logits: string): string {
  const axes = builder.ints([1])
  const spread = builder.add('Sub', [
    builder.add('ReduceMax', [logits, axes]),
    builder.add('ReduceMin', [logits, axes]),
  ])
  const divisor = builder.add('Max', [spread, builder.scalar(smallestSpread)])
  const [least, most] = usualSpreads.map((bound) => builder.scalar(bound))
  return builder.add('Div', [builder.add('Clip', [divisor, least, most]), divisor])
}
