import type { GraphBuilder } from '../graph/builder.js'

/**
 * Sums of rows [rows, length] as a column, rounded the same in batches of any size. Those of ReduceSum are not: where a row
 * begins in memory decides the order of its additions.
 */
export function emitRowSum(rows: string, length: number, builder: GraphBuilder): string {
  const ones = builder.once(`ones ${length}`, () => builder.floats(new Float32Array(length).fill(1), [length, 1]))
  return builder.add('MatMul', [rows, ones])
}

/** The operator that does so for magnitudes, along any axes. */
export const sumOfMagnitudes = 'ReduceL1'

/** The operator that does so for squares, along any axes. */
export const sumOfSquares = 'ReduceSumSquare'

/**
 * log of a column [rows, 1], rounded the same in batches of any size. Log is not: it has one kernel for eight values at a time
 * and another one for the rest.
 */
export function emitLog(column: string, builder: GraphBuilder): string {
  return builder.add('ReduceLogSum', [column, builder.ints([1])])
}
