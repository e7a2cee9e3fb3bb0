import { float } from '../graph/builder.js'
import { asNumber } from './element-type.js'
import { lineRelaxation } from './lines.js'
import { itself, monotone } from './monotone.js'
import type { Interval, IntervalContext, Lines, Operator } from './operator.js'

// Finite, as 0·∞ would be NaN. Outputs below 3e-39, which this does not lift to 1, are subnormal numbers.
const steepest = 3.4e38
/** Of float32. */
const leastNormal = 2 ** -126

export const relu: Operator = {
  name: 'Relu',
  elementwise: {
    // A steep ramp of the output is 1 where the unit is on and 0 elsewhere. Reading the output rather than the input
    // lets onnxruntime keep Conv and Relu fused.
    derivative(node, { builder, value }) {
      const output = value(node.outputs[0])
      if (builder.precision === 'float64') {
        return asNumber(builder.add('Greater', [output, builder.scalar(0)]), builder)
      }
      return builder.add('HardSigmoid', [output], {
        alpha: float(steepest),
        beta: float(0),
      })
    },
  },
  interval: monotone(itself),
  relaxation: lineRelaxation(isUnstable, (input, _node, context) => reluLines(input, context)),
}

/** Whether an input can have either sign. */
export function isUnstable({ lower, upper }: Interval, _node: unknown, { builder }: IntervalContext): string {
  const zero = builder.scalar(0)
  return builder.add('And', [builder.add('Less', [lower, zero]), builder.add('Greater', [upper, zero])])
}

/**
 * The lower line through the origin that leaves the smaller area, and the chord above (Zhang et al. 2018, Table 2,
 * "CROWN-Ada"). Where the input can have either sign, the flattest line is 0 and the steepest one the identity.
 */
function reluLines({ lower, upper }: Interval, context: IntervalContext): Lines {
  const { builder, rounding } = context
  const zero = builder.scalar(0)
  const one = builder.scalar(1)
  const minusLower = builder.add('Neg', [lower])
  const isMostlyPositive = builder.add('Greater', [upper, minusLower])
  // 0 below zero, 1 above, and u / (u − l) across: max(u, 0) / (max(u, 0) + max(−l, 0)), where 0 / 0 is 0.
  const positive = builder.add('Max', [upper, zero])
  const negative = builder.add('Max', [minusLower, zero])
  const width = builder.add('Max', [builder.add('Add', [positive, negative]), builder.scalar(leastNormal)])
  const slope = builder.add('Div', [positive, width])
  // The chord must not pass below 0 at l nor below u at u, whatever the slope was rounded to.
  const atLower = builder.add('Mul', [slope, negative])
  const atUpper = builder.add('Mul', [positive, builder.add('Sub', [one, slope])])
  const exact = builder.add('Max', [atLower, atUpper])
  const intercept = builder.add('Mul', [exact, builder.scalar(1 + 2 * rounding.gamma(4))])
  return {
    lower: { slope: asNumber(isMostlyPositive, builder) },
    upper: { slope, intercept },
    flattest: { slope: asNumber(builder.add('GreaterOrEqual', [lower, zero]), builder) },
    steepest: { slope: asNumber(builder.add('Greater', [upper, zero]), builder) },
  }
}
