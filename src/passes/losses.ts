import type { GraphBuilder } from '../graph/builder.js'

export type LossName = 'cross-entropy' | 'margin' | 'logit'

export function emitLoss(builder: GraphBuilder, _loss: LossName, logits: string, labels: string, classes: number): { value: string; gradient: string } {
  const onehot = builder.add('Cast', [builder.add('Equal', [builder.ints([...Array(classes).keys()]), builder.add('Unsqueeze', [labels, builder.ints([1])])])], { to: builder.precision === 'float32' ? 1 : 11 })
  const d = builder.add('Mul', [builder.add('Softmax', [logits], { axis: -1 }), builder.add('Sub', [builder.scalar(1), onehot])])
  const sum = builder.add('ReduceSum', [d, builder.ints([1])], { keepdims: 1 })
  return { value: builder.add('Squeeze', [sum, builder.ints([1])]), gradient: builder.add('Sub', [d, builder.add('Mul', [onehot, sum])]) }
}
