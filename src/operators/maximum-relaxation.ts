import { elementCount, type GraphNode } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import { emitIntercepts, emitScaledSlices } from './lines.js'
import type { Interval, IntervalContext, Line, RelaxationContext, RelaxationRules, RuleContext } from './operator.js'
import { sampleShape } from './samples.js'
import { emitFromTaps, emitTaps } from './taps.js'
import { areTiles, invertTaps, type WindowGeometry, windows } from './windows.js'

/** Tells how the windows of a pooling node lie. */
type Describe = (node: GraphNode, context: RuleContext) => Pools

interface Pools {
  readonly channels: number
  readonly geometry: WindowGeometry
}

/** A linear function per output: slopes [samples, kernel elements, outputs] and intercepts [samples, 1, outputs]. */
interface Plane {
  readonly slopes: string
  /** Missing: zero, and nothing rounds. */
  readonly intercept?: string
}

/**
 * Relaxation of the maximum over windows. Below: the element with the largest l + u. Above: with u₁ ≥ u₂ the two largest
 * upper bounds and c = max(u₂, largest l), y ≤ c + (u₁ − c)/(u₁ − l₁)·(z₁ − l₁), which is exact at both ends of z₁.
 */
export function maximumRelaxation(describe: Describe): RelaxationRules {
  const planesOf = (node: GraphNode, folded: Folded, context: RelaxationContext) => {
    const whole = context.whole.node(node)
    return emitPlanes(whole, folded, describe(whole, context.samples), context)
  }
  return {
    loose(node, context) {
      const { builder } = context
      const pools = describe(node, context)
      const candidates = emitCandidates(node, pools, context)
      const count = builder.add('ReduceSum', [candidates, builder.ints([1])], { keepdims: 1 })
      const contested = asNumber(builder.add('Greater', [count, builder.scalar(1)]), builder)
      return anyWindow(builder.add('Mul', [candidates, contested]), node, pools, context)
    },

    matters(node, context) {
      const pools = describe(node, context)
      return anyWindow(emitCandidates(node, pools, context), node, pools, context)
    },

    backward(node, gradient, context) {
      const { builder } = context
      const pools = describe(node, context)
      const [[input], [output]] = [node.inputs, node.outputs]
      const folded = context.linesBefore(input)
      const { lower, upper } = planesOf(node, folded, context)

      const [elements, outputs] = [pools.geometry.kernel, sampleShape(output, node, context)].map(elementCount)
      const layout = [elements, outputs]
      const scaled = emitScaledSlices(gradient, lower.slopes, upper.slopes, output, [1, outputs], layout, context)
      const product = builder.add('Reshape', [scaled, builder.ints([-1, ...layout])])
      const wholeShape = sampleShape(context.whole.value(output), node, context.samples)
      const shaped = ({ intercept }: Plane) =>
        intercept && builder.add('Reshape', [intercept, builder.ints([0, ...wholeShape])])
      return {
        input: folded?.input ?? input,
        gradient: toInput(product, node, pools, context),
        tiles: areTiles(pools.geometry) ? { perElement: product, kernel: pools.geometry.kernel } : undefined,
        constant: emitIntercepts(gradient, shaped(lower), shaped(upper), output, context),
      }
    },

    at(node, [points], context) {
      const { builder } = context
      const pools = describe(node, context)
      const [output] = node.outputs
      const planes = planesOf(node, context.linesBefore(node.inputs[0]), context)
      const outputShape = sampleShape(output, node, context)
      const [elements, outputs] = [pools.geometry.kernel, outputShape].map(elementCount)
      const within = context.bySlice(underWindows(points, pools, 0, context), [elements, outputs])
      const value = ({ slopes, intercept }: Plane) => {
        const products = builder.add('Mul', [within, context.ofSlices(slopes, output, [1, elements, outputs])])
        const sum = builder.add('ReduceSum', [products, builder.ints([2])], { keepdims: 0 })
        const shift = intercept && context.ofSlices(intercept, output, [1, outputs])
        const moved = shift === undefined ? sum : builder.add('Add', [sum, shift])
        return builder.add('Reshape', [moved, builder.ints([-1, ...outputShape])])
      }
      return { lower: value(planes.lower), upper: value(planes.upper) }
    },
  }
}

type Folded = ReturnType<RelaxationContext['linesBefore']>

/** The planes over the input or, with `folded`, over what goes into the elementwise operator that makes the input. */
function emitPlanes(
  node: GraphNode,
  folded: Folded,
  pools: Pools,
  { samples, whole, lowerLine }: RelaxationContext,
): { lower: Plane; upper: Plane } {
  const [input] = node.inputs
  const bounds = intervalUnderWindows(input, pools, samples)
  const scored = intervalUnderWindows(beforeRelu(input, samples), pools, samples)
  const planes = {
    lower: emitLowerPlane(bounds, scored, pools, samples),
    upper: emitUpperPlane(bounds, pools, samples),
  }
  if (!folded) return planes
  const [lower, upper] = [lowerLine(folded.lines), folded.lines.upper]
  const { lower: lowest, upper: highest } = samples.interval(whole.value(folded.input))
  const { builder } = samples
  const magnitude = builder.add('Max', [builder.add('Neg', [lowest]), highest])
  return {
    lower: throughLine(planes.lower, lower, magnitude, -1, pools, samples),
    upper: throughLine(planes.upper, upper, magnitude, 1, pools, samples),
  }
}

function emitLowerPlane(bounds: Interval, scored: Interval, pools: Pools, context: IntervalContext): Plane {
  const { builder, rounding } = context
  const best = builder.add('ArgMax', [builder.add('Add', [scored.lower, scored.upper])], { axis: 1 })
  const slopes = oneHot(best, pools, context)
  const shared = windowsPerElement(pools)
  if (shared === 1 || rounding.mode === 'ignored') return { slopes }
  // Where windows overlap, what they give to an element is added up.
  const [low, high] = [bounds.lower, bounds.upper].map((bound) =>
    builder.add('Abs', [builder.add('GatherElements', [bound, best], { axis: 1 })]),
  )
  const error = builder.add('Mul', [builder.add('Add', [low, high]), builder.scalar(-rounding.gamma(shared + 8))])
  return { slopes, intercept: error }
}

function emitUpperPlane({ lower, upper }: Interval, pools: Pools, context: IntervalContext): Plane {
  const { builder, rounding } = context
  const elements = elementCount(pools.geometry.kernel)
  const axis = builder.ints([1])
  const [largest, positions] = builder.addMany('TopK', [upper, builder.ints([Math.min(2, elements)])], 2, { axis: 1 })
  const part = (value: string, index: number) =>
    builder.add('Slice', [value, builder.ints([index]), builder.ints([index + 1]), axis])
  const first = part(largest, 0)
  const winner = part(positions, 0)
  const lowerOfWinner = builder.add('GatherElements', [lower, winner], { axis: 1 })
  const surest = builder.add('ReduceMax', [lower, axis], { keepdims: 1 })
  const rival = elements > 1 ? builder.add('Max', [part(largest, 1), surest]) : surest

  const width = builder.add('Sub', [first, lowerOfWinner])
  const isWide = builder.add('Greater', [width, builder.scalar(0)])
  const safeWidth = builder.add('Where', [isWide, width, builder.scalar(1)])
  const slope = builder.add('Div', [builder.add('Sub', [first, rival]), safeWidth])
  const slopes = builder.add('Mul', [oneHot(winner, pools, context), slope])
  // The plane must reach the rival where z₁ is smallest and z₁ where it is largest, whatever the slope was rounded to.
  const atLower = builder.add('Sub', [rival, builder.add('Mul', [slope, lowerOfWinner])])
  const atUpper = builder.add('Mul', [first, builder.add('Sub', [builder.scalar(1), slope])])
  const exact = builder.add('Max', [atLower, atUpper])
  if (rounding.mode === 'ignored') return { slopes, intercept: exact }
  const sizes = [exact, rival, first, lowerOfWinner].map((value) => builder.add('Abs', [value]))
  return { slopes, intercept: builder.add('Add', [exact, emitRounding(sizes, pools, context)]) }
}

/** A plane over y = σ(x) as one over x, with the line that bounds σ in the same direction. */
function throughLine(
  plane: Plane,
  line: Line,
  magnitude: string,
  direction: 1 | -1,
  pools: Pools,
  context: IntervalContext,
): Plane {
  const { builder, rounding } = context
  const overElements = (value: string) => builder.add('ReduceSum', [value, builder.ints([1])], { keepdims: 1 })
  const gathered = (value: string) => underWindows(value, pools, 0, context)
  const slopes = builder.add('Mul', [plane.slopes, gathered(line.slope)])
  if (line.intercept === undefined) return { slopes, intercept: plane.intercept }
  const part = overElements(builder.add('Mul', [plane.slopes, gathered(line.intercept)]))
  const intercept = plane.intercept === undefined ? part : builder.add('Add', [plane.intercept, part])
  if (rounding.mode === 'ignored') return { slopes, intercept }
  // The products of both slopes and of slope and intercept round, and so do the sums.
  const reached = overElements(builder.add('Mul', [builder.add('Abs', [slopes]), gathered(magnitude)]))
  const sizes = [reached, builder.add('Abs', [part]), builder.add('Abs', [intercept])]
  const outwards = emitRounding(sizes, pools, context)
  return { slopes, intercept: builder.add(direction === 1 ? 'Add' : 'Sub', [intercept, outwards]) }
}

/** What rounding may be in an intercept that is made of numbers of these sizes. */
function emitRounding(sizes: readonly string[], pools: Pools, { builder, rounding }: IntervalContext): string {
  const size = sizes.reduce((left, right) => builder.add('Add', [left, right]))
  const error = builder.add('Mul', [size, builder.scalar(rounding.gamma(windowsPerElement(pools) + 16))])
  return builder.add('Add', [error, builder.scalar(rounding.underflow)])
}

/** Of neurons that a Relu cut off, the bounds before it tell which is the better lower bound. */
function beforeRelu(value: string, context: IntervalContext): string {
  const producer = context.graph.nodes.find(({ outputs }) => outputs.includes(value))
  return producer?.operator === 'Relu' ? producer.inputs[0] : value
}

/** 1 for elements that can be the maximum of their window, 0 for others: [samples, kernel elements, outputs]. */
function emitCandidates(node: GraphNode, pools: Pools, context: IntervalContext): string {
  const { builder } = context
  const { lower, upper } = intervalUnderWindows(node.inputs[0], pools, context)
  const surest = builder.add('ReduceMax', [lower, builder.ints([1])], { keepdims: 1 })
  return asNumber(builder.add('Greater', [upper, surest]), builder)
}

function anyWindow(perElement: string, node: GraphNode, pools: Pools, context: IntervalContext): string {
  const { builder } = context
  return builder.add('Greater', [toInput(perElement, node, pools, context), builder.scalar(0)])
}

function intervalUnderWindows(value: string, pools: Pools, context: IntervalContext): Interval {
  const { lower, upper } = context.interval(value)
  return {
    lower: underWindows(lower, pools, Number.NEGATIVE_INFINITY, context),
    upper: underWindows(upper, pools, Number.NEGATIVE_INFINITY, context),
  }
}

/** [samples, channels, ...input] as [samples, kernel elements, outputs]; `missing` outside of the input. */
function underWindows(value: string, { channels, geometry }: Pools, missing: number, { builder }: RuleContext): string {
  const { inputSizes, kernel } = geometry
  if (areTiles(geometry)) {
    const outputs = elementCount(inputSizes) / elementCount(kernel)
    const layout = builder.ints([0, elementCount(kernel), channels * outputs])
    if (kernel.length === 2 && kernel[0] === kernel[1]) {
      // Several times as fast as Transpose.
      const image = builder.add('Reshape', [value, builder.ints([0, channels, ...inputSizes])])
      return builder.add('Reshape', [builder.add('SpaceToDepth', [image], { blocksize: kernel[0] }), layout])
    }
    const split = inputSizes.flatMap((size, axis) => [size / kernel[axis], kernel[axis]])
    const tiles = builder.add('Reshape', [value, builder.ints([0, channels, ...split])])
    const perm = [0, ...kernel.map((_, axis) => 2 * axis + 3), 1, ...kernel.map((_, axis) => 2 * axis + 2)]
    const elementsFirst = builder.add('Transpose', [tiles], { perm })
    return builder.add('Reshape', [elementsFirst, layout])
  }
  const { taps, outputs, elements } = tapsByElement(geometry)
  const flat = builder.add('Reshape', [value, builder.ints([0, channels, elementCount(inputSizes)])])
  const gathered = emitTaps(flat, 2, 3, taps, [elements, outputs], builder, missing)
  const elementsFirst = builder.add('Transpose', [gathered], { perm: [0, 2, 1, 3] })
  return builder.add('Reshape', [elementsFirst, builder.ints([0, elements, channels * outputs])])
}

/** Adds up what the windows [.., kernel elements, outputs] give to each input element. */
function toInput(perElement: string, node: GraphNode, pools: Pools, context: RuleContext): string {
  const { builder } = context
  const { channels, geometry } = pools
  const { inputSizes, kernel } = geometry
  const inputShape = builder.ints([0, ...sampleShape(node.inputs[0], node, context)])
  if (areTiles(geometry)) {
    const outputSizes = inputSizes.map((size, axis) => size / kernel[axis])
    const split = builder.add('Reshape', [perElement, builder.ints([0, ...kernel, channels, ...outputSizes])])
    const rank = kernel.length
    const perm = [0, rank + 1, ...kernel.flatMap((_, axis) => [rank + 2 + axis, 1 + axis])]
    return builder.add('Reshape', [builder.add('Transpose', [split], { perm }), inputShape])
  }
  const { taps, outputs, elements } = tapsByElement(geometry)
  const split = builder.add('Reshape', [perElement, builder.ints([0, elements, channels, outputs])])
  const channelsFirst = builder.add('Transpose', [split], { perm: [0, 2, 1, 3] })
  const flat = builder.add('Reshape', [channelsFirst, builder.ints([0, channels, elements * outputs])])
  const summed = emitFromTaps(flat, 2, 3, taps, elementCount(inputSizes), builder)
  return builder.add('Reshape', [summed, inputShape])
}

function tapsByElement(geometry: WindowGeometry): { taps: Int32Array; outputs: number; elements: number } {
  const { taps, outputSizes } = windows(geometry)
  const [outputs, elements] = [elementCount(outputSizes), elementCount(geometry.kernel)]
  const byElement = taps.map((_, index) => taps[(index % outputs) * elements + Math.floor(index / outputs)])
  return { taps: byElement, outputs, elements }
}

function windowsPerElement({ geometry }: Pools): number {
  return invertTaps(windows(geometry).taps, elementCount(geometry.inputSizes)).width
}

function oneHot(position: string, { geometry }: Pools, { builder }: IntervalContext): string {
  const elements = elementCount(geometry.kernel)
  const numbers = builder.add('Reshape', [
    builder.ints(Array.from({ length: elements }, (_, element) => element)),
    builder.ints([elements, 1]),
  ])
  return asNumber(builder.add('Equal', [position, numbers]), builder)
}
