import type { GraphBuilder } from '../graph/builder.js'
import { emitLead } from './losses.js'

/** Logits that are less than this apart, the largest less the smallest one, point towards all other classes alike. */
const leastSpread = 20
/** Where the largest one is farther ahead of the next, its probability is 1 and all others underflow. */
const mostLead = 40

// Keeps factors finite where all logits are equal, and above zero where one is infinitely far ahead.
const smallest = 1e-12

/**
 * Emits the factor (float32 [batch, 1], above zero) that brings logits to a scale at which cross-entropy is a good guide, as those
 * of most trained classifiers are: what an attack finds must not depend on a constant factor of theirs. It counts as a constant: its
 * own derivative would only hold the spread where it is. Logits far below all others, as of a class that is masked, do
 * not count.
 * What the scale of logits hides from cross-entropy: Yu and Xu, "Efficient loss function by minimizing the detrimental
 * effect of floating-point errors on gradient-based attacks", CVPR 2023, who bring the margin to a fixed scale instead.
 */
export function emitUsualScale(builder: GraphBuilder, logits: string, classes: number): string {
  const scalar = (value: number) => builder.scalar(value)
  const axes = builder.ints([1])
  const spread = builder.add('Sub', [
    builder.add('ReduceMax', [logits, axes]),
    builder.add('ReduceMin', [logits, axes]),
  ])
  const apart = builder.add('Div', [scalar(leastSpread), builder.add('Max', [spread, scalar(smallest)])])
  const lead = builder.add('Max', [emitLead(builder, logits, classes), scalar(mostLead)])
  const together = builder.add('Max', [builder.add('Div', [scalar(mostLead), lead]), scalar(smallest)])
  return builder.add('Mul', [builder.add('Max', [apart, scalar(1)]), together])
}
