import { type Dimension, elementCount, isBatch, type Shape } from '../graph/graph.js'

/**
 * Where a value has the batch: along one axis, whose elements are outer·batch·inner. With the batch first, its shape is
 * [batch, ...] without that axis, or with outer·inner elements along it where that is not 1.
 */
export interface Layout {
  readonly axis: number
  readonly outer: number
  readonly inner: number
}

/** Undefined where the batch is along no axis, or along several. */
export function layoutOf(shape: Shape, outer = 1): Layout | undefined {
  const axes = shape.flatMap((size, axis) => (isBatch(size) ? [axis] : []))
  if (axes.length !== 1) return undefined
  const { batch } = shape[axes[0]] as { batch: number }
  return Number.isInteger(batch / outer) ? { axis: axes[0], outer, inner: batch / outer } : undefined
}

export function isBatchFirst({ axis, outer, inner }: Layout): boolean {
  return axis === 0 && outer === 1 && inner === 1
}

/** Whether the batch has its axis for itself, which is gone once the batch is first. */
export function isAlone({ outer, inner }: Layout): boolean {
  return outer * inner === 1
}

/** Sizes behind the batch, once it is first. */
export function batchFirstSizes(shape: Shape, layout: Layout): number[] {
  const sizes = sizesOfOne(shape)
  return isAlone(layout) ? sizes.filter((_, axis) => axis !== layout.axis) : sizes
}

/** An axis of the value, which is not that of the batch, once the batch is first. */
export function movedAxis(axis: number, layout: Layout): number {
  return isAlone(layout) && axis > layout.axis ? axis : axis + 1
}

/** {@link reshapedLayout} where the batch is always 1 and the shape does not show where it is. */
export function reshapedLayoutOfOne(shape: Shape, layout: Layout, target: Shape): Layout | undefined {
  const sizes = sizesOfOne(target)
  const outer = elementCount(sizesOfOne(shape).slice(0, layout.axis)) * layout.outer
  const before = sizes.map((_, axis) => elementCount(sizes.slice(0, axis)))
  const alone = sizes.findIndex((size, axis) => size === 1 && before[axis] === outer)
  if (alone >= 0) return { axis: alone, outer: 1, inner: 1 }
  const axis = sizes.findIndex((size, index) => before[index] <= outer && outer < before[index] * size)
  if (axis < 0) return undefined
  const [left, right] = [outer / before[axis], sizes[axis] / (outer / before[axis])]
  return Number.isInteger(left) && Number.isInteger(right) ? { axis, outer: left, inner: right } : undefined
}

/** Sizes for a batch of 1. */
export function sizesOfOne(shape: Shape): number[] {
  return shape.map((size) => (isBatch(size) ? size.batch : size))
}

/** Layout of the same numbers in the same order under another shape. */
export function reshapedLayout(shape: Shape, layout: Layout, target: Shape): Layout | undefined {
  const before = (sizes: readonly Dimension[]) => elementCount(sizes as readonly number[])
  const outer = before(shape.slice(0, layout.axis)) * layout.outer
  const axis = target.findIndex(isBatch)
  if (axis < 0) return undefined
  const remaining = outer / before(target.slice(0, axis))
  return Number.isInteger(remaining) ? layoutOf(target, remaining) : undefined
}

export function sameLayout(left: Layout, right: Layout): boolean {
  return left.axis === right.axis && left.outer === right.outer && left.inner === right.inner
}
