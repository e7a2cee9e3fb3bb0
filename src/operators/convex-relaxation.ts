import type { GraphNode } from '../graph/graph.js'
import { finiteSlope } from './finite-slope.js'
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
} from './ranges.js'
import type { ApproximatedKernel } from './rounding.js'

type Emit = (input: string, node: GraphNode, context: IntervalContext) => string

/** A function that bends one way. */
export interface Bend {
  readonly kernel: ApproximatedKernel
  /** @throws UnsupportedOperatorError where the node's settings make it bend both ways. */
  curvature(node: GraphNode, context: IntervalContext): 'convex' | 'concave'
  readonly evaluate: Emit
  /** With a relative error of at most γ₆₄. */
  readonly derivative: Emit
}

// Where the chord is so near to the function in the middle, tighter bounds of the input gain nothing.
const negligibleBend = 1e-5
const slopeRoundings = 64

/** Bounds of an increasing function from those of its input. */
export function increasingInterval({ kernel, curvature, evaluate }: Bend): IntervalRule {
  return (node, context) => {
    curvature(node, context)
    const { lower, upper } = context.interval(node.inputs[0])
    return emitKernelRange(
      kernel,
      { lower: evaluate(lower, node, context), upper: evaluate(upper, node, context) },
      context,
    )
  }
}

/** The chord on one side, the tangent at the middle of the range on the other: the lines with the smallest area. */
export function convexRelaxation(bend: Bend): RelaxationRules {
  const isLoose = (range: Interval, node: GraphNode, context: IntervalContext) => {
    const { builder } = context
    const [low, middle, high] = [range.lower, emitMiddle(range, context), range.upper].map((x) =>
      bend.evaluate(x, node, context),
    )
    const chord = builder.add('Mul', [builder.add('Add', [low, high]), builder.scalar(0.5)])
    const distance = builder.add('Abs', [builder.add('Sub', [chord, middle])])
    return builder.add('Greater', [distance, builder.scalar(negligibleBend)])
  }
  return lineRelaxation(isLoose, (range, node, context) => bendLines(bend, range, node, context))
}

function bendLines(bend: Bend, range: Interval, node: GraphNode, context: IntervalContext): Lines {
  const isConvex = bend.curvature(node, context) === 'convex'
  const { tangent, chord } = emitTangentAndChord(bend, range, node, isConvex, context)
  return isConvex ? { lower: tangent, upper: chord } : { lower: chord, upper: tangent }
}

function emitTangentAndChord(
  { kernel, evaluate, derivative }: Bend,
  range: Interval,
  node: GraphNode,
  isConvex: boolean,
  context: IntervalContext,
): { tangent: Line; chord: Line } {
  const { builder, rounding } = context
  const middle = emitMiddle(range, context)
  const [left, touch, right] = [range.lower, middle, range.upper].map((x) => ({ x, y: evaluate(x, node, context) }))
  const size = builder.add(
    'Max',
    [left.y, right.y].map((y) => builder.add('Abs', [y])),
  )
  const kernels = emitKernelErrors(kernel, size, 2, context)
  const finished = (slope: string, intercept: string, error: string, direction: 1 | -1) => ({
    slope,
    intercept: emitOutwards({ slope, intercept }, range, size, error, direction, context),
  })

  const slope = finiteSlope(derivative(middle, node, context), builder)
  // Away from the point of touch the tangent leaves the function by no less than the error of its slope.
  const width = builder.add('Sub', [range.upper, range.lower])
  const drift = builder.add('Mul', [builder.add('Abs', [slope]), builder.scalar(rounding.gamma(slopeRoundings))])
  const leaving = builder.add('Add', [kernels, builder.add('Mul', [drift, width])])
  const [excess] = emitExcesses(slope, [touch], context)

  // Of a narrow range the chord's slope is lost in rounding; those of the tangents at the ends are not.
  const steepness = [range.lower, range.upper].map((x) => derivative(x, node, context))
  const [lower, upper] = isConvex ? steepness : steepness.reverse()
  const limited = emitNearest(emitSecant(left, right, context), { lower, upper }, context)
  const chordSlope = finiteSlope(limited, builder)
  const ends = builder.add(isConvex ? 'Max' : 'Min', emitExcesses(chordSlope, [left, right], context))
  return {
    tangent: finished(slope, excess, leaving, isConvex ? -1 : 1),
    chord: finished(chordSlope, ends, kernels, isConvex ? 1 : -1),
  }
}
