import type { GraphNode } from '../graph/graph.js'
import type { DerivativeContext, Interval, IntervalContext, Operator } from './operator.js'
import { emitLargest } from './ranges.js'
import { axisOf, logSoftmaxRelaxation, softmaxRelaxation } from './softmax-relaxation.js'

/** p·(v − Σ p·v): the Jacobian of Softmax is symmetric, so that this is its product with v from either side. */
function softmaxProduct(node: GraphNode, vector: string, context: DerivativeContext): string {
  const { builder } = context
  const axis = axisOf(node, context).axis
  const probabilities = context.rows(context.value(node.outputs[0]))
  const mean = builder.add('ReduceSum', [builder.add('Mul', [probabilities, vector]), builder.ints([axis])])
  return builder.add('Mul', [probabilities, builder.add('Sub', [vector, mean])])
}

/** e^(x − M) at both ends of the range, M being the largest upper bound, and of each element the sum over all others. */
function emitPowers(node: GraphNode, context: IntervalContext) {
  const { builder, rounding } = context
  const { axis, count } = axisOf(node, context)
  const { lower, upper } = context.interval(node.inputs[0])
  const largest = builder.add('ReduceMax', [upper, builder.ints([axis])], { keepdims: 1 })
  const distances = [lower, upper].map((bound) => builder.add('Sub', [bound, largest]))
  const [low, high] = distances.map((distance) => builder.add('Exp', [distance]))
  const others = (powers: string, direction: 1 | -1) => {
    const sum = builder.add('ReduceSum', [powers, builder.ints([axis])], { keepdims: 1 })
    // What rounding leaves of the element itself.
    const error = builder.add('Mul', [sum, builder.scalar(rounding.gamma(count + 8))])
    const rest = builder.add('Sub', [sum, powers])
    const outwards = builder.add(direction === 1 ? 'Add' : 'Sub', [rest, error])
    return builder.add('Max', [outwards, builder.scalar(0)])
  }
  return { low, high, distances, othersAtMost: others(high, 1), othersAtLeast: others(low, -1), count }
}

// The exponent of e^(x − M) is off by up to u·|x − M|, which is less than 104 where the power is not 0.
const powerRoundings = 1024
// Keeps 0 / 0 away; probabilities that small say nothing.
const vanishing = 2 ** -100

/** Least where the element is at its lower bound and all others are at their upper ones. */
function softmaxInterval(node: GraphNode, context: IntervalContext): Interval {
  const { builder, rounding } = context
  const { low, high, othersAtMost, othersAtLeast, count } = emitPowers(node, context)
  const share = (own: string, others: string) => builder.add('Div', [own, builder.add('Add', [own, others])])
  const top = builder.add('Add', [high, builder.scalar(vanishing)])
  const [lower, upper] = [
    share(low, builder.add('Add', [othersAtMost, builder.scalar(vanishing)])),
    share(top, othersAtLeast),
  ]
  const allowance = rounding.gamma(4 * count + powerRoundings)
  const outwards = (bound: string, factor: number) => builder.add('Mul', [bound, builder.scalar(factor)])
  return {
    lower: builder.add('Sub', [outwards(lower, 1 - allowance), builder.scalar(rounding.underflow)]),
    upper: builder.add('Add', [outwards(upper, 1 + allowance), builder.scalar(rounding.underflow)]),
  }
}

function logSoftmaxInterval(node: GraphNode, context: IntervalContext): Interval {
  const { builder, rounding } = context
  const { low, high, distances, othersAtMost, othersAtLeast, count } = emitPowers(node, context)
  const logarithm = (distance: string, own: string, others: string) =>
    builder.add('Sub', [distance, builder.add('Log', [builder.add('Add', [own, others])])])
  const lower = logarithm(distances[0], low, othersAtMost)
  // Where all powers vanish the logarithm is −∞, but no probability is larger than 1.
  const upper = builder.add('Min', [logarithm(distances[1], high, othersAtLeast), builder.scalar(0)])
  if (rounding.mode === 'ignored') return { lower, upper }
  const size = emitLargest(context.interval(node.inputs[0]), context)
  const all = builder.add('ReduceMax', [size, builder.ints([axisOf(node, context).axis])], { keepdims: 1 })
  const absolute = rounding.gamma(4 * count + powerRoundings) + 4 * rounding.kernelError('Log')
  const error = builder.add('Add', [
    builder.add('Mul', [all, builder.scalar(rounding.gamma(16))]),
    builder.scalar(absolute),
  ])
  return { lower: builder.add('Sub', [lower, error]), upper: builder.add('Add', [upper, error]) }
}

export const softmax: Operator = {
  name: 'Softmax',
  derivative: {
    vjp: (node, [gradient], context) => [softmaxProduct(node, gradient!, context)],
    jvp: (node, [tangent], context) => [softmaxProduct(node, tangent!, context)],
  },
  interval: softmaxInterval,
  relaxation: softmaxRelaxation(),
}

export const logSoftmax: Operator = {
  name: 'LogSoftmax',
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const axis = axisOf(node, context).axis
      const probabilities = context.rows(builder.add('Exp', [context.value(node.outputs[0])]))
      const sum = builder.add('ReduceSum', [gradient!, builder.ints([axis])])
      return [builder.add('Sub', [gradient!, builder.add('Mul', [probabilities, sum])])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const axis = axisOf(node, context).axis
      const probabilities = context.rows(builder.add('Exp', [context.value(node.outputs[0])]))
      const mean = builder.add('ReduceSum', [builder.add('Mul', [probabilities, tangent!]), builder.ints([axis])])
      return [builder.add('Sub', [tangent!, mean])]
    },
  },
  interval: logSoftmaxInterval,
  relaxation: logSoftmaxRelaxation(),
}
