import { elementCount, type GraphNode } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import { emitIntercepts } from './lines.js'
import type { Interval, IntervalContext, RelaxationContext, RelaxationRules } from './operator.js'
import { sampleShape } from './samples.js'
import { emitFromTaps, emitTaps } from './taps.js'
import { invertTaps, type WindowGeometry, windows } from './windows.js'

/** Tells how the windows of a pooling node lie. */
type Describe = (node: GraphNode, context: IntervalContext) => { channels: number; geometry: WindowGeometry }

/**
 * Relaxation of the maximum over windows. Below: the element with the largest l + u. Above: with u₁ ≥ u₂ the two largest
 * upper bounds and c = max(u₂, largest l), y ≤ c + (u₁ − c)/(u₁ − l₁)·(z₁ − l₁), which is exact at both ends of z₁.
 */
export function maximumRelaxation(describe: Describe): RelaxationRules {
  return {
    elementwise: false,

    loose(node, context) {
      const { builder } = context
      const candidates = emitCandidates(node, describe, context)
      const count = builder.add('ReduceSum', [candidates, builder.ints([3])], { keepdims: 1 })
      const contested = asNumber(builder.add('Greater', [count, builder.scalar(1)]), builder)
      return anyWindow(builder.add('Mul', [candidates, contested]), node, describe, context)
    },

    matters: (node, context) => anyWindow(emitCandidates(node, describe, context), node, describe, context),

    backward(node, gradient, context) {
      const { builder, rows } = context
      const { channels, geometry } = describe(node, context)
      const outputShape = sampleShape(node.outputs[0], node, context)
      const outputs = elementCount(outputShape) / channels
      const { lower, upper } = emitPlanes(node, describe, context)

      const flat = builder.add('Reshape', [gradient, builder.ints([0, channels, outputs, 1])])
      const isPositive = builder.add('Greater', [flat, builder.scalar(0)])
      const slopes = builder.add('Where', [isPositive, rows(lower.slopes), rows(upper.slopes)])
      const shaped = ({ intercept }: Plane) =>
        intercept && builder.add('Reshape', [intercept, builder.ints([0, ...outputShape])])
      return {
        gradient: toInput(builder.add('Mul', [flat, slopes]), node, describe, context),
        constant: emitIntercepts(gradient, shaped(lower), shaped(upper), outputShape, context),
      }
    },
  }
}

/** Slopes [samples, channels, windows, elements] and intercepts [samples, channels, windows, 1]. */
interface Plane {
  readonly slopes: string
  /** Missing: zero, and nothing rounds. */
  readonly intercept?: string
}

function emitPlanes(node: GraphNode, describe: Describe, context: RelaxationContext): { lower: Plane; upper: Plane } {
  const [input] = node.inputs
  const bounds = underWindows(context.interval(input), node, describe, context)
  return {
    lower: emitLowerPlane(bounds, beforeRelu(input, context), node, describe, context),
    upper: emitUpperPlane(bounds, node, describe, context),
  }
}

function emitLowerPlane(
  bounds: Interval,
  scored: Interval,
  node: GraphNode,
  describe: Describe,
  context: RelaxationContext,
): Plane {
  const { builder, rounding } = context
  const { geometry } = describe(node, context)
  const scores = underWindows(scored, node, describe, context)
  const best = builder.add('ArgMax', [builder.add('Add', [scores.lower, scores.upper])], { axis: 3 })
  const slopes = oneHot(best, elementCount(geometry.kernel), context)
  const shared = windowsPerElement(geometry)
  if (shared === 1 || rounding.mode === 'ignored') return { slopes }
  const [low, high] = [bounds.lower, bounds.upper].map((bound) =>
    builder.add('Abs', [builder.add('GatherElements', [bound, best], { axis: 3 })]),
  )
  const error = builder.add('Mul', [builder.add('Add', [low, high]), builder.scalar(-rounding.gamma(shared + 8))])
  return { slopes, intercept: error }
}

function emitUpperPlane(
  { lower, upper }: Interval,
  node: GraphNode,
  describe: Describe,
  context: RelaxationContext,
): Plane {
  const { builder, rounding } = context
  const { geometry } = describe(node, context)
  const elements = elementCount(geometry.kernel)
  const last = builder.ints([3])
  const [largest, positions] = builder.addMany('TopK', [upper, builder.ints([Math.min(2, elements)])], 2, { axis: 3 })
  const part = (value: string, index: number) =>
    builder.add('Slice', [value, builder.ints([index]), builder.ints([index + 1]), last])
  const first = part(largest, 0)
  const winner = part(positions, 0)
  const lowerOfWinner = builder.add('GatherElements', [lower, winner], { axis: 3 })
  const surest = builder.add('ReduceMax', [lower, last], { keepdims: 1 })
  const rival = elements > 1 ? builder.add('Max', [part(largest, 1), surest]) : surest

  const width = builder.add('Sub', [first, lowerOfWinner])
  const isWide = builder.add('Greater', [width, builder.scalar(0)])
  const safeWidth = builder.add('Where', [isWide, width, builder.scalar(1)])
  const slope = builder.add('Div', [builder.add('Sub', [first, rival]), safeWidth])
  const slopes = builder.add('Mul', [oneHot(winner, elements, context), slope])
  // The plane must reach the rival where z₁ is smallest and z₁ where it is largest, whatever the slope was rounded to.
  const atLower = builder.add('Sub', [rival, builder.add('Mul', [slope, lowerOfWinner])])
  const atUpper = builder.add('Mul', [first, builder.add('Sub', [builder.scalar(1), slope])])
  const exact = builder.add('Max', [atLower, atUpper])
  if (rounding.mode === 'ignored') return { slopes, intercept: exact }
  const sizes = [exact, rival, first, lowerOfWinner].map((value) => builder.add('Abs', [value]))
  const size = sizes.reduce((left, right) => builder.add('Add', [left, right]))
  const sums = context.sumRoundings(sampleShape(node.outputs[0], node, context))
  const error = builder.add('Mul', [size, builder.scalar(rounding.gamma(sums + windowsPerElement(geometry) + 16))])
  const outwards = builder.add('Add', [error, builder.scalar(rounding.underflow)])
  return { slopes, intercept: builder.add('Add', [exact, outwards]) }
}

function windowsPerElement(geometry: WindowGeometry): number {
  return invertTaps(windows(geometry).taps, elementCount(geometry.inputSizes)).width
}

/** Of neurons that a Relu cut off, the bounds before it tell which is the better lower bound. */
function beforeRelu(value: string, context: IntervalContext): Interval {
  const producer = context.graph.nodes.find(({ outputs }) => outputs.includes(value))
  return context.interval(producer?.operator === 'Relu' ? producer.inputs[0] : value)
}

/** 1 for elements that can be the maximum of their window, 0 for others: [samples, channels, windows, elements]. */
function emitCandidates(node: GraphNode, describe: Describe, context: IntervalContext): string {
  const { builder } = context
  const { lower, upper } = underWindows(context.interval(node.inputs[0]), node, describe, context)
  const surest = builder.add('ReduceMax', [lower, builder.ints([3])], { keepdims: 1 })
  return asNumber(builder.add('Greater', [upper, surest]), builder)
}

function anyWindow(perElement: string, node: GraphNode, describe: Describe, context: IntervalContext): string {
  const { builder } = context
  return builder.add('Greater', [toInput(perElement, node, describe, context), builder.scalar(0)])
}

function underWindows(
  { lower, upper }: Interval,
  node: GraphNode,
  describe: Describe,
  context: IntervalContext,
): Interval {
  const { builder } = context
  const { channels, geometry } = describe(node, context)
  const { taps } = windows(geometry)
  const elements = elementCount(geometry.kernel)
  const shape = [taps.length / elements, elements]
  const outside = taps.includes(-1)
    ? builder.floats(
        Array.from(taps, (tap) => (tap < 0 ? Number.NEGATIVE_INFINITY : 0)),
        shape,
      )
    : undefined
  const gather = (value: string) => {
    const flat = builder.add('Reshape', [value, builder.ints([0, channels, elementCount(geometry.inputSizes)])])
    const gathered = emitTaps(flat, 2, 3, taps, shape, builder)
    return outside ? builder.add('Add', [gathered, outside]) : gathered
  }
  return { lower: gather(lower), upper: gather(upper) }
}

/** Adds up what the windows [.., channels, windows, elements] give to each input element. */
function toInput(perElement: string, node: GraphNode, describe: Describe, context: IntervalContext): string {
  const { builder } = context
  const { channels, geometry } = describe(node, context)
  const { inputSizes } = geometry
  const { taps } = windows(geometry)
  const flat = builder.add('Reshape', [perElement, builder.ints([0, channels, taps.length])])
  const summed = emitFromTaps(flat, 2, 3, taps, elementCount(inputSizes), builder)
  return builder.add('Reshape', [summed, builder.ints([0, ...sampleShape(node.inputs[0], node, context)])])
}

function oneHot(position: string, elements: number, { builder }: IntervalContext): string {
  const numbers = builder.ints(Array.from({ length: elements }, (_, element) => element))
  return asNumber(builder.add('Equal', [position, numbers]), builder)
}
