import type { GraphNode } from '../graph/graph.js'
import { lineRelaxation } from './lines.js'
import type { Interval, IntervalContext, IntervalRule, Line, Lines, RelaxationRules } from './operator.js'
import {
  emitExcesses,
  emitKernelErrors,
  emitKernelRange,
  emitMiddle,
  emitNearest,
  emitOutwards,
  emitSecant,
  type Point,
} from './ranges.js'
import type { ApproximatedKernel } from './rounding.js'

type Emit = (input: string, node: GraphNode, context: IntervalContext) => string

/** Where a function bends, and where it is smallest; how well its derivative is known. */
export interface WaveShape {
  /** Concave or straight below `from` and above `to`, convex between them. */
  readonly from: number
  readonly to: number
  /** It falls before this point and rises after it. */
  readonly lowest: number
  /** Absolute error of the derivative. */
  readonly slopeError: number
}

/** A function that looks like x·Φ(x). */
export interface Wave {
  readonly kernel: ApproximatedKernel
  shape(node: GraphNode): WaveShape
  readonly evaluate: Emit
  /** At a corner, any slope between those on both sides. */
  readonly derivative: Emit
}

// Each step halves the part of the range where the tangent may touch.
const searchSteps = 14
const dip = 0.4
// Beyond this the function is straight.
const straight = 8

/** Bounds of a wave from those of its input. */
export function waveInterval({ kernel, shape, evaluate }: Wave): IntervalRule {
  return (node, context) => {
    const { builder } = context
    const range = context.interval(node.inputs[0])
    const lowest = emitNearest(builder.scalar(shape(node).lowest), range, context)
    const [lower, left, right] = [lowest, range.lower, range.upper].map((x) => evaluate(x, node, context))
    return emitKernelRange(kernel, { lower, upper: builder.add('Max', [left, right]) }, context)
  }
}

/**
 * The lines with the smallest area: each supports the convex hull of the function's graph at the middle of the range. It
 * is the tangent there, a line from an end of the range that touches the function elsewhere, or the chord.
 */
export function waveRelaxation(wave: Wave): RelaxationRules {
  const isLoose = ({ lower, upper }: Interval, _node: GraphNode, { builder }: IntervalContext) => {
    const bends = builder.add('And', [
      builder.add('Greater', [upper, builder.scalar(-straight)]),
      builder.add('Less', [lower, builder.scalar(straight)]),
    ])
    return builder.add('And', [bends, builder.add('Less', [lower, upper])])
  }
  return lineRelaxation(isLoose, (range, node, context) => waveLines(wave, range, node, context))
}

function waveLines(wave: Wave, range: Interval, node: GraphNode, context: IntervalContext): Lines {
  const { builder } = context
  const { from, to } = wave.shape(node)
  const { lower, upper } = range
  const [first, last] = [from, to].map((corner) => emitNearest(builder.scalar(corner), range, context))
  const point = (x: string): Point => ({ x, y: wave.evaluate(x, node, context) })
  const slopeAt = (x: string) => wave.derivative(x, node, context)
  const [left, right, middle] = [lower, upper, emitMiddle(range, context)].map(point)
  const tangent = slopeAt(middle.x)
  const isLeftOf = (x: string) => builder.add('Less', [middle.x, x])
  const isRightOf = (x: string) => builder.add('Greater', [middle.x, x])
  const either = (condition: string, then: string, otherwise: string) =>
    builder.add('Where', [condition, then, otherwise])
  const places = emitPlacesOfTouch(wave, { left, right, first, last }, node, context)
  const [fromLeft, fromRight, beyond, before] = places.map(point)

  // Below: from the left end to the convex part, from the right end to it, or a tangent of it.
  const [isLeft, isRight] = [isLeftOf(fromLeft.x), isRightOf(fromRight.x)]
  const toLeft = emitSecant(left, fromLeft, context)
  const toRight = emitSecant(fromRight, right, context)
  const lowerSlope = either(isLeft, toLeft, either(isRight, toRight, tangent))
  const touch = point(either(isLeft, fromLeft.x, either(isRight, fromRight.x, middle.x)))
  const convex = { lower: first, upper: last }
  const least = builder.add('Min', [
    ...emitExcesses(lowerSlope, [left, right], context),
    emitExtreme(wave, lowerSlope, touch, convex, -1, node, context),
  ])

  // Above: a tangent of one of the concave parts, or the line between them.
  const [isBefore, isBeyond] = [isLeftOf(before.x), isRightOf(beyond.x)]
  const across = emitSecant(before, beyond, context)
  const upperSlope = either(builder.add('Or', [isBefore, isBeyond]), tangent, across)
  const touches = [point(either(isBefore, middle.x, before.x)), point(either(isBeyond, middle.x, beyond.x))]
  const concave = [
    { lower, upper: first },
    { lower: last, upper },
  ]
  const most = builder.add(
    'Max',
    touches.map((at, index) => emitExtreme(wave, upperSlope, at, concave[index], 1, node, context)),
  )

  const ends = [left.y, right.y].map((y) => builder.add('Abs', [y]))
  const size = builder.add('Max', [...ends, builder.scalar(dip)])
  const kernels = emitKernelErrors(wave.kernel, size, 2, context)
  const line = (slope: string, intercept: string, direction: 1 | -1): Line => ({
    slope,
    intercept: emitOutwards({ slope, intercept }, range, size, kernels, direction, context),
  })
  return { lower: line(lowerSlope, least, -1), upper: line(upperSlope, most, 1) }
}

/**
 * The least (direction −1) of σ(x) − slope·x over a convex part of the range, or the greatest (1) over a concave one, by
 * the tangent at one point of it: exact where the slope is that of the tangent, and where the point is an end of the part
 * that the extreme lies at.
 */
function emitExtreme(
  wave: Wave,
  slope: string,
  at: Point,
  part: Interval,
  direction: 1 | -1,
  node: GraphNode,
  context: IntervalContext,
): string {
  const { builder, rounding } = context
  const [excess] = emitExcesses(slope, [at], context)
  const towards = builder.add('Sub', [wave.derivative(at.x, node, context), slope])
  const growth = direction === 1 ? towards : builder.add('Neg', [towards])
  const error = builder.scalar(rounding.mode === 'covered' ? wave.shape(node).slopeError : 0)
  const rising = builder.add('Relu', [builder.add('Add', [growth, error])])
  const falling = builder.add('Relu', [builder.add('Sub', [error, growth])])
  const gain = builder.add('Max', [
    builder.add('Mul', [rising, builder.add('Sub', [part.upper, at.x])]),
    builder.add('Mul', [falling, builder.add('Sub', [at.x, part.lower])]),
  ])
  return builder.add(direction === 1 ? 'Add' : 'Sub', [excess, gain])
}

/**
 * Where lines from an end of the range touch the function: from the left end and from the right end in the convex part,
 * from the left end in the upper concave part, and from the right end in the lower one; an end of that part where they
 * would do so outside of it.
 */
function emitPlacesOfTouch(
  wave: Wave,
  { left, right, first, last }: { left: Point; right: Point; first: string; last: string },
  node: GraphNode,
  context: IntervalContext,
): string[] {
  const { builder } = context
  const stack = (values: readonly string[]) =>
    builder.add(
      'Concat',
      values.map((value) => builder.add('Unsqueeze', [value, builder.ints([-1])])),
      { axis: -1 },
    )
  const anchor = { x: stack([left.x, right.x, left.x, right.x]), y: stack([left.y, right.y, left.y, right.y]) }
  const directions = builder.floats([1, -1, -1, 1])
  let low = stack([first, first, last, left.x])
  let high = stack([last, last, right.x, first])
  for (let step = 0; step < searchSteps; step++) {
    const x = emitMiddle({ lower: low, upper: high }, context)
    const rise = builder.add('Sub', [wave.evaluate(x, node, context), anchor.y])
    const run = builder.add('Sub', [x, anchor.x])
    const apart = builder.add('Sub', [rise, builder.add('Mul', [wave.derivative(x, node, context), run])])
    const isFurther = builder.add('Greater', [builder.add('Mul', [apart, directions]), builder.scalar(0)])
    low = builder.add('Where', [isFurther, x, low])
    high = builder.add('Where', [isFurther, high, x])
  }
  // The side of the bracket that a place at an end of its part does not leave.
  return [high, low, high, low].map((side, index) => builder.add('Gather', [side, builder.int(index)], { axis: -1 }))
}
