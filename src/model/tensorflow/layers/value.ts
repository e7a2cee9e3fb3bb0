import type { GraphBuilder } from '../../../graph/builder.js'

/** How a value is arranged. */
export interface Form {
  /** Shape of one sample as the layers see it: channels last. */
  readonly shape: readonly number[]
  /**
   * Of one sample, TensorFlow.js has these axes only, with no batch of size 1 before them: they are merged with the batch, as the
   * rows of a matrix are, or the batch is one of them.
   */
  readonly isBare?: boolean
}

/** A value of the network on its way through the translation. In ONNX, its first axis is the batch. */
export interface Value extends Form {
  /** Name of the value with channels last, if it was needed so far. */
  last?: string
  /** Name of the value with channels first. */
  first?: string
}

/** Layers work on channels last, ONNX on channels first; a value is transposed where the other form is asked for. */
export function channelsLast(builder: GraphBuilder, value: Value): string {
  value.last ??= builder.add('Transpose', [value.first!], { perm: toLast(value.shape.length) })
  return value.last
}

export function channelsFirst(builder: GraphBuilder, value: Value): string {
  value.first ??= builder.add('Transpose', [value.last!], { perm: toFirst(value.shape.length) })
  return value.first
}

/** The form of a value alone. */
export function formOf({ shape, isBare }: Form): Form {
  return { shape, isBare }
}

/** The same numbers in another form. */
export function reshaped(builder: GraphBuilder, value: Value, { shape, isBare = false }: Form): Value {
  const isSame = String(value.shape) === String(shape)
  if (isSame && (value.isBare ?? false) === isBare) return value
  if (isSame) return { ...value, isBare }
  return { shape, isBare, last: builder.add('Reshape', [channelsLast(builder, value), builder.ints([0, ...shape])]) }
}

function toLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 1 }, (_, axis) => axis + 2), 1]
}

function toFirst(rank: number): number[] {
  return [0, rank, ...Array.from({ length: rank - 1 }, (_, axis) => axis + 1)]
}
