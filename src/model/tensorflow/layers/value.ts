import type { GraphBuilder } from '../../../graph/builder.js'

/** A value of the network on its way through the translation. */
export interface Value {
  /** Shape of one sample as the layers see it: channels last. */
  readonly shape: readonly number[]
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

/** The value with another shape of each sample. */
export function reshaped(builder: GraphBuilder, value: Value, shape: readonly number[]): Value {
  if (String(value.shape) === String(shape)) return value
  return { shape, last: builder.add('Reshape', [channelsLast(builder, value), builder.ints([0, ...shape])]) }
}

function toLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 1 }, (_, axis) => axis + 2), 1]
}

function toFirst(rank: number): number[] {
  return [0, rank, ...Array.from({ length: rank - 1 }, (_, axis) => axis + 1)]
}
