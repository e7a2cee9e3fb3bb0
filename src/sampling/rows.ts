import { elementCount, type Tensor, type TensorData } from '../graph/graph.js'
import type { Inputs } from './samples.js'

/** The given rows (entries along the first axis), in that order. */
export function takeRows({ type, shape, data }: Tensor, rows: readonly number[]): Tensor {
  const [, ...rest] = shape
  const size = elementCount(rest)
  const taken = new (data.constructor as new (length: number) => TensorData)(rows.length * size)
  rows.forEach((row, index) => {
    taken.set(data.subarray(row * size, (row + 1) * size) as never, index * size)
  })
  return { type, shape: [rows.length, ...rest], data: taken }
}

/** The given rows of each tensor. */
export function takeRowsOfEach(
  tensors: Readonly<Record<string, Tensor>>,
  rows: readonly number[],
): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, takeRows(tensor, rows)]))
}

/** The given samples as inputs of their own. */
export function takeSamples({ data, shape }: Inputs, samples: readonly number[]): Inputs {
  const taken = takeRows({ type: 'float32', shape, data }, samples)
  return { data: taken.data as Float32Array, shape: taken.shape }
}

/** The given samples of inputs that nobody changes: a view where they follow one another. */
export function viewSamples(inputs: Inputs, samples: readonly number[]): Inputs {
  const [first] = samples
  if (samples.some((sample, index) => sample !== first + index)) return takeSamples(inputs, samples)
  const { data, shape } = inputs
  const size = data.length / shape[0]
  const view = data.subarray(first * size, (first + samples.length) * size)
  return { data: view, shape: [samples.length, ...shape.slice(1)] }
}

/** One row of row-major data with `size` elements per row: a view, not a copy. */
export function rowOf(data: Float32Array, size: number, row: number): Float32Array {
  return data.subarray(row * size, (row + 1) * size)
}

/** Cuts a list into consecutive parts of at most `most` entries. */
export function batches<Item>(items: readonly Item[], most: number): (readonly Item[])[] {
  return range(Math.ceil(items.length / most)).map((part) => items.slice(part * most, (part + 1) * most))
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
