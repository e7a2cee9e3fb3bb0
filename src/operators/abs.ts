import { lineRelaxation } from './lines.js'
import type { Interval, IntervalContext, Lines, Operator } from './operator.js'
import { emitExcesses, emitLargest, emitOutwards, emitSecant } from './ranges.js'
import { isUnstable } from './relu.js'

/** The slope at 0 is taken as 0. */
export const abs: Operator = {
  name: 'Abs',
  elementwise: { derivative: (node, { builder, value }) => builder.add('Sign', [value(node.inputs[0])]) },
  interval(node, context) {
    const { builder } = context
    const { lower, upper } = context.interval(node.inputs[0])
    return {
      lower: builder.add('Max', [lower, builder.add('Neg', [upper]), builder.scalar(0)]),
      upper: emitLargest({ lower, upper }, context),
    }
  },
  relaxation: lineRelaxation(isUnstable, (range, _node, context) => absLines(range, context)),
}

/** The chord above, and below the half that the larger part of the range is on. */
function absLines(range: Interval, context: IntervalContext): Lines {
  const { builder } = context
  const { lower, upper } = range
  const isPositive = builder.add('Greater', [upper, builder.add('Neg', [lower])])
  const either = (rises: string) => builder.add('Where', [rises, builder.scalar(1), builder.scalar(-1)])
  const ends = [lower, upper].map((x) => ({ x, y: builder.add('Abs', [x]) }))
  const slope = emitSecant(ends[0], ends[1], context)
  const intercept = builder.add('Max', emitExcesses(slope, ends, context))
  const size = emitLargest(range, context)
  return {
    lower: { slope: either(isPositive) },
    upper: { slope, intercept: emitOutwards({ slope, intercept }, range, size, builder.scalar(0), 1, context) },
    flattest: { slope: either(builder.add('GreaterOrEqual', [lower, builder.scalar(0)])) },
    steepest: { slope: either(builder.add('Greater', [upper, builder.scalar(0)])) },
  }
}
