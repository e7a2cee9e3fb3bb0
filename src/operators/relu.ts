import { float } from '../graph/builder.js'
import { asNumber } from './element-type.js'
import type { Operator } from './operator.js'

// Finite, as 0·∞ would be NaN. Outputs below 3e-39, which this does not lift to 1, are subnormal numbers.
const steepest = 3.4e38

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
}
