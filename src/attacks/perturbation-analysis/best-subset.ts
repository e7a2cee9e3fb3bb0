import type { AttackNorm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { asNumber } from '../../operators/element-type.js'
import { emitSteepest } from '../iteration/steepest.js'

/** Disjoint sets of features, counted from 0 in row-major order, such as the channels of each pixel. */
export type Subsets = readonly (readonly number[])[]

/**
 * Emits a gradient without all components but those of one subset: of the subsets not yet `used` (float [batch,
 * subsets], 0 or 1) the one along which a step of given norm gains most, that with the largest dual norm. Balda, Behboodi,
 * Mathar, "Perturbation analysis of learning algorithms", 2018, eq. 22.
 */
export function emitBestSubset(
  builder: GraphBuilder,
  norm: AttackNorm,
  gradient: string,
  subsets: Subsets,
  used: string,
  featureShape: readonly number[],
): { gradient: string; used: string } {
  const features = elementCount(featureShape)
  const width = subsets.reduce((widest, { length }) => Math.max(widest, length), 0)
  const flat = builder.add('Reshape', [gradient, builder.ints([0, features])])
  // A derivative of zero behind the last feature fills up the smaller subsets.
  const padded = builder.add('Pad', [flat, builder.ints([0, 0, 0, 1])])
  const members = subsets.flatMap((subset) => Array.from({ length: width }, (_, place) => subset[place] ?? features))
  const matrix = builder.constant({
    type: 'int64',
    shape: [subsets.length, width],
    data: BigInt64Array.from(members, BigInt),
  })
  const { slope } = emitSteepest(builder, norm, builder.add('Gather', [padded, matrix], { axis: 1 }), [2])
  const slopes = builder.add('Squeeze', [slope, builder.ints([2])])
  const open = builder.add('Where', [builder.add('Greater', [used, builder.scalar(0)]), builder.scalar(-1), slopes])
  const best = builder.add('ArgMax', [open], { axis: 1 })
  const numbers = builder.ints(subsets.map((_, number) => number))
  const subsetOf = Array<number>(features).fill(-1)
  subsets.forEach((subset, number) => {
    for (const feature of subset) subsetOf[feature] = number
  })
  const isFree = builder.add('Equal', [best, builder.ints(subsetOf)])
  const restricted = builder.add('Where', [isFree, flat, builder.scalar(0)])
  return {
    gradient: builder.add('Reshape', [restricted, builder.ints([0, ...featureShape])]),
    used: builder.add('Max', [used, asNumber(builder.add('Equal', [best, numbers]), builder)]),
  }
}
