import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type TypedGraph } from '../graph/graph.js'
import type { Interval } from '../operators/operator.js'
import { emitTaps } from '../operators/taps.js'
import type { Crop } from './crop.js'

/** Known bounds of whole values as those of the crops around all positions: [samples × positions, ...small shape]. */
export function emitCrops(
  whole: (value: string) => Interval | undefined,
  crop: Crop,
  graph: TypedGraph,
  builder: GraphBuilder,
): (value: string) => Interval | undefined {
  return (value) => {
    const interval = whole(value)
    return (
      interval && {
        lower: emitCropped(interval.lower, value, crop, graph, builder),
        upper: emitCropped(interval.upper, value, crop, graph, builder),
      }
    )
  }
}

/** Something shaped like `value`, cut into crops; 0 outside. */
export function emitCropped(name: string, value: string, crop: Crop, graph: TypedGraph, builder: GraphBuilder): string {
  const [channels, ...sizes] = featureShape(graph.values.get(value)!.shape)!
  const [, ...small] = featureShape(crop.graph.values.get(value)!.shape)!
  const flat = builder.add('Reshape', [name, builder.ints([0, channels, elementCount(sizes)])])
  const taps = emitTaps(flat, 2, 3, crop.taps(value), [crop.positions, elementCount(small)], builder)
  const positionsFirst = builder.add('Transpose', [taps], { perm: [0, 2, 1, 3] })
  return builder.add('Reshape', [positionsFirst, builder.ints([-1, channels, ...small])])
}

/** One number per sample as one per crop. */
export function emitRepeated(perSample: string, positions: number, builder: GraphBuilder): string {
  const column = builder.add('Unsqueeze', [perSample, builder.ints([1])])
  const repeated = builder.add('Expand', [column, builder.ints([1, positions])])
  return builder.add('Reshape', [repeated, builder.ints([-1])])
}

/**
 * For values whose crops reach into the padding around them: 0 there and 1 inside, laid out in rows. For the input only
 * where `needsInput`.
 */
export function emitMasks(
  crop: Crop,
  graph: TypedGraph,
  needsInput: boolean,
  sampleOfRow: string,
  builder: GraphBuilder,
): (value: string) => string | undefined {
  // Relu has slope 0 where its bounds are 0, which they are outside; and a box of width 0 around 0 adds nothing.
  const isIdle = (value: string) =>
    value === graph.inputs[0].name
      ? !needsInput
      : graph.nodes.some(({ operator, outputs }) => operator === 'Relu' && outputs.includes(value))
  return (value) => {
    if (!graph.values.has(value) || isIdle(value)) return undefined
    const taps = crop.taps(value)
    if (!taps.includes(-1)) return undefined
    return builder.once(`mask of ${value}`, () => {
      const [, ...small] = featureShape(crop.graph.values.get(value)!.shape)!
      const inside = builder.floats(
        Array.from(taps, (tap) => (tap < 0 ? 0 : 1)),
        [crop.positions, 1, ...small],
      )
      const positions = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(crop.positions) })
      const position = builder.once('position of row', () => builder.add('Mod', [sampleOfRow, positions]))
      return builder.add('Gather', [inside, position], { axis: 0 })
    })
  }
}
