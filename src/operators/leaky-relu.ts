import { floatAttribute, type GraphNode } from '../graph/graph.js'
import { lineRelaxation } from './lines.js'
import { itself, monotone } from './monotone.js'
import type {
  Interval,
  IntervalContext,
  IntervalRule,
  Lines,
  Operator,
  RelaxationRules,
  RuleContext,
} from './operator.js'
import { refuse, refuseBound } from './refuse.js'
import { isUnstable } from './relu.js'

/** 1 where `input` is positive, `slope` elsewhere. */
function twoSlopes(input: string, slope: string, { builder }: RuleContext): string {
  return builder.add('Where', [builder.add('Greater', [input, builder.scalar(0)]), builder.scalar(1), slope])
}

export const leakyRelu: Operator = {
  name: 'LeakyRelu',
  elementwise: {
    derivative(node, context) {
      const slope = floatAttribute(node, 'alpha', 0.01)
      // Where the output has the sign of the input, reading it lets onnxruntime keep Conv and LeakyRelu fused.
      const source = context.value(slope >= 0 ? node.outputs[0] : node.inputs[0])
      return twoSlopes(source, context.builder.scalar(slope), context)
    },
  },
  ...boundRules(leakySlope),

  lower: (node, [input], context) => [
    emitTwoSlopes(input, context.builder.scalar(floatAttribute(node, 'alpha', 0.01)), context),
  ],
}

/** The function itself: onnxruntime has float64 kernels for it in some opsets only. */
function emitTwoSlopes(input: string, slope: string, context: RuleContext): string {
  return context.builder.add('Mul', [input, twoSlopes(input, slope, context)])
}

function leakySlope(node: GraphNode, { builder }: RuleContext): string {
  const slope = floatAttribute(node, 'alpha', 0.01)
  if (slope < 0 || slope > 1) refuseBound(node, 'its slope below zero is not between 0 and 1')
  return builder.scalar(slope)
}

export const pRelu: Operator = {
  name: 'PRelu',
  elementwise: {
    derivative(node, context) {
      const [input, slope] = node.inputs
      if (context.isActivation(slope)) refuse(node, 'its slope depends on the input')
      return twoSlopes(context.value(input), context.weight(slope), context)
    },
  },
  ...boundRules(parametricSlope),

  lower: (_node, [input, slope], context) => [emitTwoSlopes(input, slope, context)],
}

function parametricSlope(node: GraphNode, context: RuleContext): string {
  const [, slope] = node.inputs
  const values = context.constant(slope)?.data
  if (!values) return refuseBound(node, 'its slope is not constant')
  if (!values.every((value) => value >= 0 && value <= 1)) refuseBound(node, 'a slope below zero is not between 0 and 1')
  return context.weight(slope)
}

/** For slopes between 0 and 1, where the function never decreases and is convex. */
function boundRules(slopeOf: (node: GraphNode, context: RuleContext) => string): {
  interval: IntervalRule
  relaxation: RelaxationRules
} {
  const increasing = monotone((input, node, context) => {
    const slope = slopeOf(node, context)
    return context.builder.precision === 'float32' ? itself(input, node, context) : emitTwoSlopes(input, slope, context)
  })
  return {
    interval(node, context) {
      const { builder, rounding } = context
      const { lower, upper } = increasing(node, context)
      if (rounding.mode === 'ignored') return { lower, upper }
      // The product below zero may round up in one place and down in the other.
      const outwards = (bound: string, operator: string) =>
        builder.add(operator, [
          bound,
          builder.add('Add', [
            builder.add('Mul', [builder.add('Abs', [bound]), builder.scalar(rounding.gamma(4))]),
            builder.scalar(rounding.underflow),
          ]),
        ])
      return { lower: outwards(lower, 'Sub'), upper: outwards(upper, 'Add') }
    },
    relaxation: lineRelaxation(isUnstable, (input, node, context) =>
      leakyLines(input, slopeOf(node, context), context),
    ),
  }
}

/** The steeper of the two lines below where most inputs are positive, and the chord above. */
function leakyLines({ lower, upper }: Interval, below: string, context: IntervalContext): Lines {
  const { builder, rounding } = context
  const one = builder.scalar(1)
  const zero = builder.scalar(0)
  const isPositive = builder.add('GreaterOrEqual', [lower, zero])
  const crosses = isUnstable({ lower, upper }, undefined, context)
  const mostlyPositive = builder.add('Greater', [upper, builder.add('Neg', [lower])])
  const width = builder.add('Where', [crosses, builder.add('Sub', [upper, lower]), one])
  const rise = builder.add('Sub', [upper, builder.add('Mul', [below, lower])])
  const outside = builder.add('Where', [isPositive, one, below])
  const slope = builder.add('Where', [crosses, builder.add('Div', [rise, width]), outside])
  const lowest = builder.add('Min', [lower, zero])
  const highest = builder.add('Max', [upper, zero])
  const atLower = builder.add('Mul', [builder.add('Sub', [below, slope]), lowest])
  const atUpper = builder.add('Mul', [builder.add('Sub', [one, slope]), highest])
  const exact = builder.add('Where', [crosses, builder.add('Max', [atLower, atUpper]), zero])
  const lowerSlope = builder.add('Where', [mostlyPositive, one, below])
  const highestSlope = builder.add('Where', [builder.add('Greater', [upper, zero]), one, below])
  if (rounding.mode === 'ignored') {
    return {
      lower: { slope: lowerSlope },
      upper: { slope, intercept: exact },
      flattest: { slope: outside },
      steepest: { slope: highestSlope },
    }
  }
  // The model's product and the roundings above, all of them relative to the largest input.
  const magnitude = builder.add('Max', [builder.add('Neg', [lower]), upper])
  const error = builder.add('Mul', [magnitude, builder.scalar(rounding.gamma(16))])
  const downwards = builder.add('Neg', [error])
  return {
    lower: { slope: lowerSlope, intercept: downwards },
    upper: { slope, intercept: builder.add('Add', [exact, error]) },
    flattest: { slope: outside, intercept: downwards },
    steepest: { slope: highestSlope, intercept: downwards },
  }
}
