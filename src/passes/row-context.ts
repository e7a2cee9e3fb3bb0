import { elementCount, featureShape, type GraphNode } from '../graph/graph.js'
import type { IntervalContext, RowContext } from '../operators/operator.js'
import { ruleContext } from './context.js'
import type { Crop } from './crop.js'
import { emitCropped, emitMasks, emitSampleOfCrop } from './emit-crop.js'
import { emitSum, emitSumBySign, sumBySignRoundings, sumRoundings } from './row-sums.js'

export interface RowLayout {
  /** Names an int32 vector with the slice of each row. */
  readonly slice: string
  /** Names an int32 vector with the slices that there are rows of: equally many of each, in this order. */
  readonly slices: string
  /** Slices are those of samples or, with a crop, those of the positions of samples. */
  readonly crop?: Crop
  /** Whether crops should be 0 where they reach beyond the input. */
  readonly masksInput: boolean
}

/** Context of rows of samples. */
export function rowContext(samples: IntervalContext, layout: RowLayout): RowContext {
  const { slice, slices, crop, masksInput } = layout
  const { builder, graph, rounding } = samples
  const rules = crop ? ruleContext(crop.graph, builder) : samples
  const shape = (value: string) => featureShape(rules.shape(value))!
  const masks = crop && emitMasks(crop, graph, masksInput, slice, builder)
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  // The sums of all nodes are added up in the end.
  const afterwards = rules.graph.nodes.length + 8

  const laidOut = (sliced: string, value: string, layout: readonly number[]) =>
    crop
      ? emitCropped(sliced, value, layout, crop, graph, builder)
      : builder.add('Reshape', [sliced, builder.ints([-1, ...layout])])
  const gathered = (positions: string, sliced: string, value: string, layout: readonly number[]) =>
    builder.once(`${positions} ${sliced} ${value} ${layout}`, () =>
      builder.add('Gather', [laidOut(sliced, value, layout), positions], { axis: 0 }),
    )
  const ofSlices = (sliced: string, value: string, layout: readonly number[]) => gathered(slices, sliced, value, layout)
  const shapeBySlice = (layout: readonly number[]) =>
    builder.once(`shape by slice ${layout}`, () => {
      const count = builder.once('count of slices', () => builder.add('Shape', [slices]))
      return builder.add('Concat', [count, builder.ints([-1, ...layout])], { axis: 0 })
    })
  const bySlice = (perRow: string, layout: readonly number[]) =>
    builder.once(`${perRow} by slice ${layout}`, () => builder.add('Reshape', [perRow, shapeBySlice(layout)]))
  const context: Omit<RowContext, 'sumBySign'> = {
    ...rules,
    rounding,
    samples,
    whole: {
      value: (value) => crop?.whole(value) ?? value,
      node: (node: GraphNode) => producers.get(node.outputs[0])!,
    },
    isCrop: crop !== undefined,
    mask: (value) => masks?.(value),
    slices: (sliced, value) => laidOut(sliced, value, shape(value)),
    rows: (sliced, value) => gathered(slice, sliced, value, shape(value)),
    ofSlices,
    bySlice,
    combine(operator, value, perRow, sliced) {
      const count = elementCount(shape(value))
      const operands = [
        ...perRow.map((operand) => bySlice(operand, [count])),
        ...sliced.map((operand) => ofSlices(operand, value, [1, count])),
      ]
      return builder.add('Reshape', [builder.add(operator, operands), builder.ints([-1, ...shape(value)])])
    },
    numbers(perSample) {
      const sample = crop ? builder.once('sample of row', () => emitSampleOfCrop(slice, crop, builder)) : slice
      return builder.once(`numbers ${perSample}`, () => builder.add('Gather', [perSample, sample], { axis: 0 }))
    },
    sum: (value, shape) => emitSum(value, shape, samples),
    sumRoundings: (shape) => sumRoundings(shape) + afterwards,
    sumBySignRoundings: (shape) => sumBySignRoundings(shape) + afterwards,
  }
  return {
    ...context,
    sumBySign: (coefficients, below, above, value) => emitSumBySign(coefficients, below, above, value, context),
  }
}
