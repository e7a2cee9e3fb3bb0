import type { GraphBuilder } from '../graph/builder.js'
import { elementTypeNumbers } from '../graph/element-types.js'

/** A condition as 0 and 1 in the precision of the graph. */
export function asNumber(condition: string, builder: GraphBuilder): string {
  return builder.add('Cast', [condition], { to: elementTypeNumbers[builder.precision] })
}
