import { float, type GraphBuilder } from '../graph/builder.js'
import { floatAttribute, type GraphNode } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import { lineRelaxation } from './lines.js'
import { monotone } from './monotone.js'
import type { Interval, IntervalContext, Line, Lines, Operator } from './operator.js'
import { clipLines, emitHasCorner } from './piecewise-linear.js'
import { emitLargest, emitOutwards } from './ranges.js'
import { refuseBound } from './refuse.js'
import { type Wave, waveInterval, waveRelaxation } from './wave-relaxation.js'

/** y = min(max(α·x + β, 0), 1). Like Clip's, its slope at the corners is 0. */
export const hardSigmoid: Operator = {
  name: 'HardSigmoid',
  elementwise: {
    derivative(node, { builder, value }) {
      const slope = builder.scalar(floatAttribute(node, 'alpha', 0.2))
      return builder.add('Mul', [asNumber(isBetweenZeroAndOne(value(node.outputs[0]), builder), builder), slope])
    },
  },
  interval(node, context) {
    const { alpha, beta } = increasingRamp(node)
    const rule = monotone(
      (input) => emitHardSigmoid(input, alpha, beta, context.builder),
      () => 2 * rampError(beta, context),
    )
    return rule(node, context)
  },
  relaxation: lineRelaxation(
    (range, node, context) => emitHasCorner(rampRange(range, node, context), rampCorners(context), context),
    hardSigmoidLines,
  ),

  lower: (node, [input], { builder }) => [
    emitHardSigmoid(input, floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5), builder),
  ],
}

function increasingRamp(node: GraphNode): { alpha: number; beta: number } {
  const alpha = floatAttribute(node, 'alpha', 0.2)
  return alpha > 0 ? { alpha, beta: floatAttribute(node, 'beta', 0.5) } : refuseBound(node, 'its alpha is not positive')
}

/** Of the model: where the ramp is not cut off, αx is at most 1 + |β|. */
function rampError(beta: number, { rounding }: IntervalContext): number {
  return rounding.gamma(8) * (1 + Math.abs(beta))
}

function rampCorners({ builder }: IntervalContext): { lowest: string; highest: string } {
  return { lowest: builder.scalar(0), highest: builder.scalar(1) }
}

/** Range of αx + β, rounded outwards. */
function rampRange(range: Interval, node: GraphNode, context: IntervalContext): Interval {
  const { builder, rounding } = context
  const { alpha, beta } = increasingRamp(node)
  const ramp = (x: string) => builder.add('Add', [builder.add('Mul', [x, builder.scalar(alpha)]), builder.scalar(beta)])
  const largest = builder.add('Mul', [emitLargest(range, context), builder.scalar(alpha * rounding.gamma(8))])
  const error = builder.add('Add', [largest, builder.scalar(rampError(beta, context))])
  return {
    lower: builder.add('Sub', [ramp(range.lower), error]),
    upper: builder.add('Add', [ramp(range.upper), error]),
  }
}

/** The lines of Clip over αx + β, as lines over x. */
function hardSigmoidLines(range: Interval, node: GraphNode, context: IntervalContext): Lines {
  const { builder } = context
  const { alpha, beta } = increasingRamp(node)
  const { lower, upper, flattest, steepest } = clipLines(rampRange(range, node, context), rampCorners(context), context)
  const overInput = (line: Line, direction: 1 | -1): Line => {
    const slope = builder.add('Mul', [line.slope, builder.scalar(alpha)])
    const intercept = builder.add('Add', [line.intercept!, builder.add('Mul', [line.slope, builder.scalar(beta)])])
    const [size, error] = [builder.scalar(2 + Math.abs(beta)), builder.scalar(rampError(beta, context))]
    return { slope, intercept: emitOutwards({ slope, intercept }, range, size, error, direction, context) }
  }
  return {
    lower: overInput(lower, -1),
    upper: overInput(upper, 1),
    flattest: overInput(flattest!, -1),
    steepest: overInput(steepest!, -1),
  }
}

const wave: Wave = {
  kernel: 'HardSwish',
  shape: () => ({ from: -3, to: 3, lowest: -1.5, slopeError: 1e-6 }),
  evaluate: (input, _node, { builder }) => emitHardSwish(input, builder),
  derivative(input, _node, { builder }) {
    const inside = builder.add('LessOrEqual', [builder.add('Abs', [input]), builder.scalar(3)])
    const bent = builder.add('Add', [builder.add('Mul', [input, builder.scalar(1 / 3)]), builder.scalar(0.5)])
    return builder.add('Where', [inside, bent, asNumber(builder.add('Greater', [input, builder.scalar(0)]), builder)])
  },
}

/** y = x · min(max(x / 6 + 1 / 2, 0), 1) */
export const hardSwish: Operator = {
  name: 'HardSwish',
  elementwise: {
    derivative(node, { builder, value }) {
      const input = value(node.inputs[0])
      const gate = emitHardSigmoid(input, 1 / 6, 0.5, builder)
      const gateSlope = builder.add('Mul', [input, builder.scalar(1 / 6)])
      const open = builder.add('Where', [isBetweenZeroAndOne(gate, builder), gateSlope, builder.scalar(0)])
      return builder.add('Add', [gate, open])
    },
  },
  interval: waveInterval(wave),
  relaxation: waveRelaxation(wave),

  lower: (_node, [input], { builder }) => [emitHardSwish(input, builder)],
}

function emitHardSwish(input: string, builder: GraphBuilder): string {
  return builder.add('Mul', [input, emitHardSigmoid(input, 1 / 6, 0.5, builder)])
}

function emitHardSigmoid(input: string, alpha: number, beta: number, builder: GraphBuilder): string {
  if (builder.precision === 'float32') {
    return builder.add('HardSigmoid', [input], { alpha: float(alpha), beta: float(beta) })
  }
  const line = builder.add('Add', [builder.add('Mul', [input, builder.scalar(alpha)]), builder.scalar(beta)])
  return builder.add('Clip', [line, builder.scalar(0), builder.scalar(1)])
}

function isBetweenZeroAndOne(value: string, builder: GraphBuilder): string {
  const above = builder.add('Greater', [value, builder.scalar(0)])
  return builder.add('And', [above, builder.add('Less', [value, builder.scalar(1)])])
}
