import { featureShape, type GraphNode } from '../graph/graph.js'
import type { IntervalContext, RowContext } from '../operators/operator.js'
import { ruleContext } from './context.js'
import type { Crop } from './crop.js'
import { emitCropped, emitMasks, emitSampleOfCrop } from './emit-crop.js'
import { emitSum, emitSumBySign, rowSumRoundings } from './row-sums.js'

export interface RowLayout {
  /** Names an int32 vector with the slice of each row or, with `isGrouped`, with the one slice of all rows. */
  readonly slice: string
  readonly isGrouped: boolean
  /** Slices are those of samples or, with a crop, those of the positions of samples. */
  readonly crop?: Crop
  /** Whether crops should be 0 where they reach beyond the input. */
  readonly masksInput: boolean
}

/** Context of rows of samples. */
export function rowContext(samples: IntervalContext, { slice, isGrouped, crop, masksInput }: RowLayout): RowContext {
  const { builder, graph, rounding } = samples
  const rules = crop ? ruleContext(crop.graph, builder) : samples
  const shape = (value: string) => featureShape(rules.shape(value))!
  const masks = crop && emitMasks(crop, graph, masksInput, slice, builder)
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  // The sums of all nodes are added up in the end.
  const afterwards = rules.graph.nodes.length + 8

  const laidOut = (sliced: string, value: string, layout?: readonly number[]) => {
    if (crop) return emitCropped(sliced, value, layout ?? shape(value), crop, graph, builder)
    return layout ? builder.add('Reshape', [sliced, builder.ints([-1, ...layout])]) : sliced
  }
  const rows = (sliced: string, value: string, layout?: readonly number[]) =>
    builder.once(`rows ${sliced} ${value} ${layout}`, () =>
      builder.add('Gather', [laidOut(sliced, value, layout), slice], { axis: 0 }),
    )
  return {
    ...rules,
    rounding,
    samples,
    whole: {
      value: (value) => crop?.whole(value) ?? value,
      node: (node: GraphNode) => producers.get(node.outputs[0])!,
    },
    isGrouped,
    isCrop: crop !== undefined,
    mask: (value) => masks?.(value),
    slices: laidOut,
    rows,
    numbers(perSample) {
      const sample = crop ? builder.once('sample of row', () => emitSampleOfCrop(slice, crop, builder)) : slice
      return builder.once(`numbers ${perSample}`, () => builder.add('Gather', [perSample, sample], { axis: 0 }))
    },
    sumBySign: (coefficients, below, above, value) =>
      emitSumBySign(coefficients, below, above, value, { ...rules, rows, isGrouped }),
    sum: (value, shape) => emitSum(value, shape, samples),
    sumRoundings: (shape) => rowSumRoundings(shape, isGrouped) + afterwards,
  }
}
