import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type TypedGraph } from '../graph/graph.js'
import { emitTaps } from '../operators/taps.js'
import type { Crop } from './crop.js'

/**
 * Something with the spatial axes of `value` behind any number of channels, cut into crops around all positions:
 * [samples × positions, ...layout]; 0 outside.
 */
export function emitCropped(
  name: string,
  value: string,
  layout: readonly number[],
  crop: Crop,
  graph: TypedGraph,
  builder: GraphBuilder,
): string {
  const [, ...sizes] = featureShape(graph.values.get(crop.whole(value))!.shape)!
  const [, ...small] = featureShape(crop.graph.values.get(value)!.shape)!
  const flat = builder.add('Reshape', [name, builder.ints([0, -1, elementCount(sizes)])])
  const taps = emitTaps(flat, 2, 3, crop.taps(value), [crop.positions, elementCount(small)], builder)
  const positionsFirst = builder.add('Transpose', [taps], { perm: [0, 2, 1, 3] })
  return builder.add('Reshape', [positionsFirst, builder.ints([-1, ...layout])])
}

/** The sample of which a crop is, int32. */
export function emitSampleOfCrop(crop: string, { positions }: Crop, builder: GraphBuilder): string {
  return builder.add('Div', [crop, emitPositions(positions, builder)])
}

function emitPositions(positions: number, builder: GraphBuilder): string {
  return builder.constant({ type: 'int32', shape: [], data: Int32Array.of(positions) })
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
  // Lines are cut out with slope 0 outside, which is right for what comes out of a Relu there; a box of width 0 around 0 adds
  // nothing.
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
      const position = builder.once('position of row', () =>
        builder.add('Mod', [sampleOfRow, emitPositions(crop.positions, builder)]),
      )
      return builder.add('Gather', [inside, position], { axis: 0 })
    })
  }
}
