import type { Operator } from './operator.js'

export const relu: Operator = {
  name: 'Relu',
  elementwise: {
    // A steep ramp of the output is 1 where the unit is on and 0 elsewhere. Reading the output rather than the input
    // lets onnxruntime keep Conv and Relu fused.
    derivative(node, { builder, value }) {
      const output = value(node.outputs[0])
      if (builder.precision === 'float64') {
        return builder.add('Cast', [builder.add('Greater', [output, builder.scalar(0)])], { to: 11 })
      }
      return builder.add('HardSigmoid', [output], {
        alpha: { kind: 'float', value: 3.4e38 },
        beta: { kind: 'float', value: 0 },
      })
    },
  },
}
