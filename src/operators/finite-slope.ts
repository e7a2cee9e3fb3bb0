import type { GraphBuilder } from '../graph/builder.js'

/**
 * A number in place of an infinite slope (√x or log x at 0): times a zero gradient it would be NaN, and that one element
 * would spoil the gradient of the whole sample.
 */
export function finiteSlope(slope: string, builder: GraphBuilder, instead = 0): string {
  return builder.add('Where', [builder.add('IsInf', [slope]), builder.scalar(instead), slope])
}
