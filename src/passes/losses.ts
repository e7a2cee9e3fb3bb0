import type { GraphBuilder } from '../graph/builder.js'
import { asNumber } from '../operators/element-type.js'
import { emitSoftplus } from '../operators/softplus.js'

/**
 * What a gradient is taken of, per row with its label:
 * - `cross-entropy`: −log softmax(logits)[label], which an attack raises;
 * - `margin`: logits[label] − max over the other classes, which an attack lowers below zero. With a target class as the
 *   label it is the margin of the target, which a targeted attack raises above zero;
 * - `logit`: logits[label].
 */
export type LossName = 'cross-entropy' | 'margin' | 'logit'

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
    case 'logit':
      return { value: asVector(builder, logit), gradient: asNumber(isLabel, builder) }
  }
}

/** Nothing here subtracts numbers that are nearly equal on confident samples, as softmax − onehot does. */
function crossEntropy(builder: GraphBuilder, logits: string, logit: string, isLabel: string): Loss {
  // −log p = log(1 + e^d), d = log Σ e^(other logits) − logit
  const others = builder.add('ReduceLogSumExp', [otherLogits(builder, logits, isLabel), builder.ints([1])])
  const value = emitSoftplus(builder.add('Sub', [others, logit]), builder)

  const probabilities = builder.add('Softmax', [logits], { axis: 1 })
  const excess = builder.add('Where', [isLabel, builder.scalar(0), probabilities])
  const sum = builder.add('ReduceSum', [excess, builder.ints([1])])
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

/** OneHot itself has no float64 kernel. */
function oneHot(builder: GraphBuilder, column: string, classes: number): string {
  return builder.add('Equal', [column, builder.ints(Array.from({ length: classes }, (_, index) => index))])
}

const lowestFloat32 = -3.4028234663852886e38

/** The logits with the label's out of the way. */
function otherLogits(builder: GraphBuilder, logits: string, isLabel: string): string {
  return builder.add('Where', [isLabel, builder.scalar(lowestFloat32), logits])
}

function asVector(builder: GraphBuilder, column: string): string {
  return builder.add('Squeeze', [column, builder.ints([1])])
}
