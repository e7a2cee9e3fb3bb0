import { isBatch, type Tensor } from '../graph/graph.js'
import { finiteSlope } from './finite-slope.js'
import type { Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'

export const sqrt: Operator = {
  name: 'Sqrt',
  elementwise: {
    derivative: (node, { builder, value }) =>
      finiteSlope(builder.add('Div', [builder.scalar(0.5), value(node.outputs[0])]), builder),
  },
}

/** y = x^p with p constant, one for all elements or one for each */
export const pow: Operator = {
  name: 'Pow',
  elementwise: {
    derivative(node, context) {
      const { builder } = context
      const [base, power] = node.inputs
      const exponent = context.constant(power)
      if (!exponent) return refuse(node, 'its exponent is not a constant')
      if (enlarges(base, exponent, context)) refuse(node, 'its exponent has more elements than its base')
      const input = context.value(base)
      const powers = Array.from<number | bigint, number>(exponent.data, Number)
      const factor = builder.floats(powers, exponent.shape)
      if (powers.every((value) => value === 2)) return builder.add('Mul', [input, factor])
      // x⁰ is constant at 0 as well, where 0·x⁻¹ would be NaN.
      const lowered = builder.floats(
        powers.map((value) => (value === 0 ? 0 : value - 1)),
        exponent.shape,
      )
      return finiteSlope(builder.add('Mul', [builder.add('Pow', [input, lowered]), factor]), builder)
    },
  },
}

function enlarges(base: string, exponent: Tensor, context: RuleContext): boolean {
  const shape = context.shape(base)
  const lead = shape.length - exponent.shape.length
  return exponent.shape.some((size, axis) => {
    const target = shape[axis + lead]
    return size !== 1 && (target === undefined || isBatch(target) || target !== size)
  })
}
