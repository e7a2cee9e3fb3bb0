import type { GraphBuilder } from '../../graph/builder.js'

/**
 * Emits the places (int64 [places, 1]) of the samples for which a condition holds: bool [batch], perhaps with further axes
 * of size 1.
 */
export function emitPlaces(builder: GraphBuilder, condition: string): string {
  const flat = builder.add('Reshape', [condition, builder.ints([-1])])
  return builder.add('Transpose', [builder.add('NonZero', [flat])], { perm: [1, 0] })
}

/**
 * Emits `values` with the samples at the given {@link emitPlaces places} taken from `others`. Only these are copied; the
 * operator Where goes over all values three times.
 */
export function emitReplaced(builder: GraphBuilder, values: string, others: string, places: string): string {
  return builder.add('ScatterND', [values, places, builder.add('GatherND', [others, places])])
}
