import type { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'

/** Values of a float32 graph in float64, in which the rounding of sums is of no account. */
export function emitWide(value: string, builder: GraphBuilder): string {
  return builder.add('Cast', [value], { to: elementTypeNumbers.float64 })
}

export function emitNarrow(value: string, builder: GraphBuilder): string {
  return builder.add('Cast', [value], { to: elementTypeNumbers.float32 })
}

export function wideScalar(value: number, builder: GraphBuilder): string {
  return builder.once(`float64 ${value}`, () =>
    builder.constant({ type: 'float64', shape: [], data: Float64Array.of(value) }),
  )
}
