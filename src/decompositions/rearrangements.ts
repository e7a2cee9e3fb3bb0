import type { GraphBuilder } from '../graph/builder.js'
import { featureShape, intAttribute, stringAttribute } from '../graph/graph.js'
import { type Decomposition, numbers } from './decomposition.js'

/** Blocks of channels become blocks of pixels. */
const depthToSpace: Decomposition = {
  operator: 'DepthToSpace',
  coversRounding: true,
  decompose(node, { builder, shape }) {
    const sizes = featureShape(shape(node.inputs[0]))
    if (!sizes) return undefined
    const [channels, rows, columns] = sizes
    const block = intAttribute(node, 'blocksize', 1)
    const fewer = channels / block ** 2
    const isColumnFirst = stringAttribute(node, 'mode', 'DCR') === 'CRD'
    const split = isColumnFirst ? [fewer, block, block, rows, columns] : [block, block, fewer, rows, columns]
    const perm = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]
    return [regroup(node.inputs[0], split, perm, [fewer, rows * block, columns * block], builder)]
  },
}

/** Blocks of pixels become blocks of channels. */
const spaceToDepth: Decomposition = {
  operator: 'SpaceToDepth',
  coversRounding: true,
  decompose(node, { builder, shape }) {
    const sizes = featureShape(shape(node.inputs[0]))
    if (!sizes) return undefined
    const [channels, rows, columns] = sizes
    const block = intAttribute(node, 'blocksize', 1)
    const [fewerRows, fewerColumns] = [rows / block, columns / block]
    const split = [channels, fewerRows, block, fewerColumns, block]
    const joined = [channels * block ** 2, fewerRows, fewerColumns]
    return [regroup(node.inputs[0], split, [0, 3, 5, 1, 2, 4], joined, builder)]
  },
}

function regroup(
  value: string,
  split: readonly number[],
  perm: readonly number[],
  joined: readonly number[],
  builder: GraphBuilder,
): string {
  const apart = builder.add('Reshape', [value, builder.ints([0, ...split])])
  return builder.add('Reshape', [builder.add('Transpose', [apart], { perm }), builder.ints([0, ...joined])])
}

/** Picks every element as often as it is repeated. */
const tile: Decomposition = {
  operator: 'Tile',
  coversRounding: true,
  decompose(node, { builder, shape, constant }) {
    const sizes = shape(node.inputs[0])
    const repeats = numbers(constant(node.inputs[1]))
    if (!repeats || sizes.some((size, axis) => typeof size !== 'number' && repeats[axis] !== 1)) return undefined
    let value = builder.add('Identity', [node.inputs[0]])
    for (const [axis, size] of sizes.entries()) {
      if (typeof size !== 'number' || repeats[axis] === 1) continue
      const picked = Array.from({ length: size * repeats[axis] }, (_, index) => index % size)
      value = builder.add('Gather', [value, builder.ints(picked)], { axis })
    }
    return [value]
  },
}

/** Upper or lower triangle: elements of the other one are 0. */
const triangle: Decomposition = {
  operator: 'Trilu',
  coversRounding: true,
  decompose(node, { builder, shape, constant }) {
    const [rows, columns] = shape(node.inputs[0]).slice(-2)
    if (typeof rows !== 'number' || typeof columns !== 'number') return undefined
    const diagonal = node.inputs[1] ? numbers(constant(node.inputs[1])) : [0]
    if (!diagonal) return undefined
    const isUpper = intAttribute(node, 'upper', 1) !== 0
    const isKept = (row: number, column: number) =>
      isUpper ? column - row >= diagonal[0] : column - row <= diagonal[0]
    const kept = Uint8Array.from({ length: rows * columns }, (_, index) =>
      Number(isKept(Math.floor(index / columns), index % columns)),
    )
    const mask = builder.constant({ type: 'bool', shape: [rows, columns], data: kept })
    return [builder.add('Where', [mask, node.inputs[0], builder.scalar(0)])]
  },
}

/** Running sums, as a product with a triangle of ones. */
const runningSum: Decomposition = {
  operator: 'CumSum',
  coversRounding: true,
  decompose(node, { builder, shape, constant }) {
    const sizes = shape(node.inputs[0])
    const counted = numbers(constant(node.inputs[1]))?.[0]
    if (counted === undefined) return undefined
    const axis = counted < 0 ? counted + sizes.length : counted
    const size = sizes[axis]
    if (typeof size !== 'number' || axis === 0) return undefined
    const isExclusive = intAttribute(node, 'exclusive', 0) !== 0
    const isReverse = intAttribute(node, 'reverse', 0) !== 0
    const adds = (from: number, to: number) => {
      const distance = isReverse ? from - to : to - from
      return isExclusive ? distance > 0 : distance >= 0
    }
    const ones = Array.from({ length: size * size }, (_, index) => Number(adds(Math.floor(index / size), index % size)))
    const perm = sizes.map((_, index) => index)
    perm[axis] = sizes.length - 1
    perm[sizes.length - 1] = axis
    const moved = builder.add('Transpose', [node.inputs[0]], { perm })
    return [builder.add('Transpose', [builder.add('MatMul', [moved, builder.floats(ones, [size, size])])], { perm })]
  },
}

export const rearrangements: readonly Decomposition[] = [depthToSpace, spaceToDepth, tile, triangle, runningSum]
