import { featureShape, floatAttribute, type GraphNode, intAttribute, stringAttribute } from '../graph/graph.js'
import { type Decomposition, type DecompositionContext, numbers } from './decomposition.js'

/**
 * Resize as a Gather per axis (nearest) or a product with a matrix per axis (linear, cubic). The runtime computes the
 * weights in float32; they are the same as in the matrices only where none of them rounds.
 */
export const resize: Decomposition = {
  operator: 'Resize',
  coversRounding(node, { shape }) {
    const mode = stringAttribute(node, 'mode', 'nearest')
    const coordinates = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel')
    const [sizes, results] = [node.inputs[0], node.outputs[0]].map((value) => featureShape(shape(value)))
    const isPowerOfTwo = (ratio: number) => Number.isInteger(Math.log2(ratio))
    const exact = ['half_pixel', 'pytorch_half_pixel', 'asymmetric'].includes(coordinates)
    return (
      mode === 'nearest' ||
      (mode === 'linear' && exact && sizes!.every((size, axis) => isPowerOfTwo(results![axis] / size)))
    )
  },
  decompose(node, context) {
    const { builder, shape } = context
    const [sizes, results] = [node.inputs[0], node.outputs[0]].map((value) => featureShape(shape(value)))
    if (!sizes || !results || isCropped(node)) return undefined
    const scales = scalesOf(node, sizes.length + 1, context)
    let value = node.inputs[0]
    for (const [index, size] of sizes.entries()) {
      const scale = scales?.[index + 1] ?? results[index] / size
      if (size === results[index] && scale === 1) continue
      const positions = originalPositions(node, size, results[index], scale)
      if (!positions) return undefined
      const taps = tapsOf(node, positions, scale)
      if (!taps) return undefined
      value = emitAxis(value, index + 1, sizes.length + 1, size, taps, context)
    }
    return [value === node.inputs[0] ? builder.add('Identity', [value]) : value]
  },
}

/** What an element of the output is made of along one axis: positions and weights. */
type Taps = readonly (readonly { readonly position: number; readonly weight: number }[])[]

function isCropped(node: GraphNode): boolean {
  return (
    stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize' ||
    intAttribute(node, 'antialias', 0) !== 0 ||
    node.attributes.has('axes') ||
    stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch'
  )
}

function scalesOf(node: GraphNode, rank: number, { constant }: DecompositionContext): number[] | undefined {
  const scales = numbers(constant(node.inputs[2]))
  return scales?.length === rank ? scales : undefined
}

/** Where each element of the output lies in the input. */
function originalPositions(node: GraphNode, size: number, result: number, scale: number): number[] | undefined {
  const mode = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel')
  const halfPixel = (index: number) => (index + 0.5) / scale - 0.5
  const modes: Record<string, (index: number) => number> = {
    half_pixel: halfPixel,
    half_pixel_symmetric: (index) => halfPixel(index) + (size / 2) * (1 - result / (scale * size)),
    pytorch_half_pixel: (index) => (result > 1 ? halfPixel(index) : 0),
    align_corners: (index) => (result > 1 ? (index * (size - 1)) / (result - 1) : 0),
    asymmetric: (index) => index / scale,
  }
  return (
    modes[mode] &&
    Array.from({ length: result }, (_, index) => modes[mode](index)).map((position) =>
      // What differs from a whole number by less is a whole number that was rounded.
      Math.abs(position - Math.round(position)) < 1e-6 ? Math.round(position) : position,
    )
  )
}

function tapsOf(node: GraphNode, positions: readonly number[], scale: number): Taps | undefined {
  const mode = stringAttribute(node, 'mode', 'nearest')
  if (mode === 'nearest') {
    const round = nearestModes[stringAttribute(node, 'nearest_mode', 'round_prefer_floor')]
    return round && positions.map((position) => [{ position: round(position, scale < 1), weight: 1 }])
  }
  if (mode === 'linear') return positions.map((position) => around(position, [0, 1], (distance) => 1 - distance))
  if (mode !== 'cubic' || intAttribute(node, 'exclude_outside', 0) !== 0) return undefined
  const a = floatAttribute(node, 'cubic_coeff_a', -0.75)
  return positions.map((position) => around(position, [-1, 0, 1, 2], (distance) => keys(distance, a)))
}

const nearestModes: Record<string, (position: number, isSmaller: boolean) => number> = {
  round_prefer_floor: (position) => Math.ceil(position - 0.5),
  round_prefer_ceil: (position) => Math.floor(position + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
}

function around(position: number, offsets: readonly number[], weightAt: (distance: number) => number) {
  const base = Math.floor(position)
  return offsets
    .map((offset) => ({ position: base + offset, weight: weightAt(Math.abs(position - base - offset)) }))
    .filter(({ weight }) => weight !== 0)
}

/** Keys 1981: the cubic convolution kernel. */
function keys(distance: number, a: number): number {
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance ** 2 + 1
  return distance < 2 ? ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a : 0
}

/** Positions beyond the ends stand for the elements at the ends. */
function emitAxis(
  value: string,
  axis: number,
  rank: number,
  size: number,
  taps: Taps,
  { builder }: DecompositionContext,
): string {
  const inside = (position: number) => Math.min(Math.max(position, 0), size - 1)
  if (taps.every((one) => one.length === 1 && one[0].weight === 1)) {
    const picked = taps.map(([{ position }]) => inside(position))
    return builder.add('Gather', [value, builder.ints(picked)], { axis })
  }
  const matrix = new Float32Array(taps.length * size)
  taps.forEach((one, row) => {
    for (const { position, weight } of one) matrix[row * size + inside(position)] += weight
  })
  const weights = builder.floats(matrix, [taps.length, size])
  if (axis === rank - 2) return builder.add('MatMul', [weights, value])
  const last = builder.add('Transpose', [weights], { perm: [1, 0] })
  if (axis === rank - 1) return builder.add('MatMul', [value, last])
  const perm = swapped(axis, rank)
  const moved = builder.add('Transpose', [value], { perm })
  return builder.add('Transpose', [builder.add('MatMul', [moved, last])], { perm })
}

function swapped(axis: number, rank: number): number[] {
  const perm = Array.from({ length: rank }, (_, index) => index)
  perm[axis] = rank - 1
  perm[rank - 1] = axis
  return perm
}
