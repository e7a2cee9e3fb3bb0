import { floatAttribute, type GraphNode } from '../../graph/graph.js'
import { asNumber } from '../../operators/element-type.js'
import type { Interval, IntervalContext } from '../../operators/operator.js'
import { findOperator } from '../../operators/registry.js'

type Rule = (input: Interval, node: GraphNode, context: IntervalContext) => Interval

/** Bounds of the derivative of an elementwise operator over the bounds of its input: one slice per sample. */
export const slopeIntervals: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [
    'Relu',
    ({ lower, upper }, _node, { builder }) => {
      const isPositive = (bound: string) => asNumber(builder.add('Greater', [bound, builder.scalar(0)]), builder)
      return { lower: isPositive(lower), upper: isPositive(upper) }
    },
  ],
  [
    'LeakyRelu',
    (input, node, context) => twoSlopes(input, context.builder.scalar(floatAttribute(node, 'alpha', 0.01)), context),
  ],
  ['PRelu', (input, node, context) => twoSlopes(input, context.weight(node.inputs[1]), context)],
  ['Clip', clip],
  ['Sigmoid', bell],
  ['Tanh', bell],
])

function twoSlopes({ lower, upper }: Interval, below: string, { builder }: IntervalContext): Interval {
  const slope = (bound: string) =>
    builder.add('Where', [builder.add('Greater', [bound, builder.scalar(0)]), builder.scalar(1), below])
  const ends = [slope(lower), slope(upper)]
  return { lower: builder.add('Min', ends), upper: builder.add('Max', ends) }
}

function clip({ lower, upper }: Interval, node: GraphNode, { builder, weight }: IntervalContext): Interval {
  const [, lowest, highest] = node.inputs
  const always = builder.add('Equal', [lower, lower])
  const inside = (low: string, high: string) => {
    const above = lowest ? builder.add('Greater', [high, weight(lowest)]) : always
    const below = highest ? builder.add('Less', [low, weight(highest)]) : always
    return asNumber(builder.add('And', [above, below]), builder)
  }
  return { lower: inside(upper, lower), upper: inside(lower, upper) }
}

/** Derivatives that fall with the distance from 0; `error` covers that they are computed in float32. */
function bell({ lower, upper }: Interval, node: GraphNode, context: IntervalContext): Interval {
  const { builder } = context
  const error = 2 ** -14
  const derivative = (input: string) =>
    findOperator(node)!.elementwise!.derivative(node, { ...context, value: () => input, rows: (value) => value })
  const nearest = builder.add('Max', [lower, builder.add('Neg', [upper]), builder.scalar(0)])
  const farthest = builder.add('Max', [builder.add('Neg', [lower]), upper])
  const highest = builder.add('Mul', [derivative(nearest), builder.scalar(1 + error)])
  return {
    lower: builder.add('Mul', [derivative(farthest), builder.scalar(1 - error)]),
    upper: builder.add('Add', [highest, builder.scalar(2 ** -80)]),
  }
}
