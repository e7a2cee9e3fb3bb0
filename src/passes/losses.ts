import { lowestFloat32 } from '../geometry/float32.js'
import type { GraphBuilder } from '../graph/builder.js'
import { emitLog, sumOfMagnitudes } from '../operators/batch-invariant.js'
import { asNumber } from '../operators/element-type.js'
import { emitSoftplus } from '../operators/softplus.js'

/**
 * What a gradient is taken of, per row with its label:
 * - `cross-entropy`: −log softmax(logits)[label], which an attack raises;
 * - `margin`: logits[label] − max over the other classes, which an attack lowers below zero. With a target class as the
 *   label it is the margin of the target, which a targeted attack raises above zero;
 * - `dlr`: the difference of logits ratio, −margin / (largest − third largest logit), which an attack raises. It does not
 *   change when the logits are scaled or shifted. With two classes, where it would be constant, it is −margin;
 * - `targeted-dlr`: margin / (largest − mean of the third and fourth largest logit) for a target class as the label, which
 *   a targeted attack raises. With fewer than four classes it is the margin;
 * - `logit`: logits[label].
 */
export type LossName = 'cross-entropy' | 'margin' | 'dlr' | 'targeted-dlr' | 'logit'

export interface Loss {
  /** [rows] */
  readonly value: string
  /** [rows, classes], of the sum of all values with respect to the logits */
  readonly gradient: string
}

/** Emits a loss of `logits` [rows, classes] and `labels` (int64, [rows]). */
export function emitLoss(builder: GraphBuilder, loss: LossName, logits: string, labels: string, classes: number): Loss {
  const column = builder.add('Unsqueeze', [labels, builder.ints([1])])
  const isLabel = oneHot(builder, column, classes)
  const logit = builder.add('GatherElements', [logits, column], { axis: 1 })
  switch (loss) {
    case 'cross-entropy':
      return crossEntropy(builder, logits, logit, isLabel)
    case 'margin':
      return margin(builder, logits, logit, isLabel, classes)
    case 'dlr': {
      const falling = margin(builder, logits, logit, isLabel, classes)
      return ratioToSpread(builder, opposite(builder, falling), logits, classes, [1, 0, -1])
    }
    case 'targeted-dlr': {
      const rising = margin(builder, logits, logit, isLabel, classes)
      return ratioToSpread(builder, rising, logits, classes, [1, 0, -0.5, -0.5])
    }
    case 'logit':
      return { value: asVector(builder, logit), gradient: asNumber(isLabel, builder) }
  }
}

/** Emits how far the largest logit is ahead of the next one, [rows, 1]. */
export function emitLead(builder: GraphBuilder, logits: string, classes: number): string {
  const axes = builder.ints([1])
  const isLargest = oneHot(builder, builder.add('ArgMax', [logits], { axis: 1 }), classes)
  const next = builder.add('ReduceMax', [otherLogits(builder, logits, isLargest), axes])
  return builder.add('Sub', [builder.add('ReduceMax', [logits, axes]), next])
}

/** Nothing here subtracts numbers that are nearly equal on confident samples, as softmax − onehot does. */
function crossEntropy(builder: GraphBuilder, logits: string, logit: string, isLabel: string): Loss {
  // −log p = log(1 + e^d), d = log Σ e^(other logits) − logit
  const others = builder.add('ReduceLogSumExp', [otherLogits(builder, logits, isLabel), builder.ints([1])])
  const value = emitSoftplus(builder.add('Sub', [others, logit]), builder, emitLog)

  const probabilities = builder.add('Softmax', [logits], { axis: 1 })
  const excess = builder.add('Where', [isLabel, builder.scalar(0), probabilities])
  const sum = builder.add(sumOfMagnitudes, [excess, builder.ints([1])])
  const gradient = builder.add('Where', [isLabel, builder.add('Neg', [sum]), excess])
  return { value: asVector(builder, value), gradient }
}

function margin(builder: GraphBuilder, logits: string, logit: string, isLabel: string, classes: number): Loss {
  const others = otherLogits(builder, logits, isLabel)
  const value = builder.add('Sub', [logit, builder.add('ReduceMax', [others, builder.ints([1])])])
  const isRival = oneHot(builder, builder.add('ArgMax', [others], { axis: 1 }), classes)
  const gradient = builder.add('Sub', [asNumber(isLabel, builder), asNumber(isRival, builder)])
  return { value: asVector(builder, value), gradient }
}

// Keeps the ratio finite where the largest logits are all equal.
const smallestSpread = 1e-12

/** A loss relative to a weighted sum of the largest logits; the loss itself where there are too few of them. */
function ratioToSpread(
  builder: GraphBuilder,
  loss: Loss,
  logits: string,
  classes: number,
  weights: readonly number[],
): Loss {
  if (classes < weights.length) return loss
  let rest = logits
  let spread = builder.scalar(0)
  let ofSpread = builder.scalar(0)
  // One maximum after the other: TopK ends the process when there are no rows.
  for (const weight of weights) {
    const isLargest = oneHot(builder, builder.add('ArgMax', [rest], { axis: 1 }), classes)
    const weighted = (value: string) => builder.add('Mul', [value, builder.scalar(weight)])
    spread = builder.add('Add', [spread, weighted(builder.add('ReduceMax', [rest, builder.ints([1])]))])
    ofSpread = builder.add('Add', [ofSpread, weighted(asNumber(isLargest, builder))])
    rest = otherLogits(builder, rest, isLargest)
  }
  const divisor = builder.add('Max', [spread, builder.scalar(smallestSpread)])

  const ratio = builder.add('Div', [builder.add('Unsqueeze', [loss.value, builder.ints([1])]), divisor])
  const change = builder.add('Sub', [loss.gradient, builder.add('Mul', [ratio, ofSpread])])
  return { value: asVector(builder, ratio), gradient: builder.add('Div', [change, divisor]) }
}

function opposite(builder: GraphBuilder, { value, gradient }: Loss): Loss {
  return { value: builder.add('Neg', [value]), gradient: builder.add('Neg', [gradient]) }
}

/** OneHot itself has no float64 kernel. */
function oneHot(builder: GraphBuilder, column: string, classes: number): string {
  return builder.add('Equal', [column, builder.ints(Array.from({ length: classes }, (_, index) => index))])
}

/** The logits with the label's out of the way. */
function otherLogits(builder: GraphBuilder, logits: string, isLabel: string): string {
  return builder.add('Where', [isLabel, builder.scalar(lowestFloat32), logits])
}

function asVector(builder: GraphBuilder, column: string): string {
  return builder.add('Squeeze', [column, builder.ints([1])])
}
