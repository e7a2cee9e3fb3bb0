import type { GraphBuilder } from '../../graph/builder.js'
import { emitLoss, type Loss, type LossName } from '../../passes/losses.js'
import { emitUsualScale } from '../../passes/usual-scale.js'

/**
 * Emits a loss as {@link emitLoss} does, but the cross-entropy of logits at a {@link emitUsualScale usual scale}. Of two
 * classes the margin takes its place, which falls as the cross-entropy grows and never vanishes.
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
  const scale = emitUsualScale(builder, logits, classes)
  const { value, gradient } = emitLoss(builder, loss, builder.add('Mul', [logits, scale]), labels, classes)
  return { value, gradient: builder.add('Mul', [gradient, scale]) }
}
