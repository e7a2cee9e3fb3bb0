import { type GraphNode, isBatch, type Tensor } from '../graph/graph.js'
import { type Bend, convexRelaxation, increasingInterval } from './convex-relaxation.js'
import { finiteSlope } from './finite-slope.js'
import { lineRelaxation } from './lines.js'
import { itself } from './monotone.js'
import { oddPowerInterval, oddPowerLines } from './odd-power.js'
import type { IntervalContext, Operator, RelaxationRules, RuleContext } from './operator.js'
import { emitKernelRange, emitNearest } from './ranges.js'
import { refuse } from './refuse.js'

/** Bounds below 0 give NaN, which certifies nothing. */
const root: Bend = {
  kernel: 'Sqrt',
  curvature: () => 'concave',
  evaluate: itself,
  derivative: (input, _node, { builder }) => builder.add('Div', [builder.scalar(0.5), builder.add('Sqrt', [input])]),
}

export const sqrt: Operator = {
  name: 'Sqrt',
  elementwise: {
    derivative: (node, { builder, value, infiniteSlope }) =>
      finiteSlope(builder.add('Div', [builder.scalar(0.5), value(node.outputs[0])]), builder, infiniteSlope),
    isSteep: () => true,
  },
  interval: increasingInterval(root),
  relaxation: convexRelaxation(root),
}

const power: Bend = {
  kernel: 'Pow',
  curvature(node, context) {
    const exponent = exponentOf(node, context)
    return exponent > 0 && exponent < 1 ? 'concave' : 'convex'
  },
  evaluate(input, node, context) {
    const exponent = exponentOf(node, context)
    return emitPower(isEven(exponent) ? input : emitNotNegative(input, context), exponent, context)
  },
  derivative(input, node, context) {
    const exponent = exponentOf(node, context)
    const lowered = emitPower(input, exponent - 1, context)
    return context.builder.add('Mul', [lowered, context.builder.scalar(exponent)])
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
      const slope = builder.add('Mul', [builder.add('Pow', [input, lowered]), factor])
      return finiteSlope(slope, builder, context.infiniteSlope)
    },
    isSteep(node, { constants }) {
      const exponent = constants.get(node.inputs[1])
      return Array.from<number | bigint, number>(exponent?.data ?? [], Number).some((power) => power > 0 && power < 1)
    },
  },

  interval(node, context) {
    const exponent = exponentOf(node, context)
    const { builder, interval } = context
    const { lower, upper } = interval(node.inputs[0])
    if (isOdd(exponent)) return oddPowerInterval({ lower, upper }, exponent, context)
    const ends = [lower, upper].map((x) => power.evaluate(x, node, context))
    const lowest = isEven(exponent)
      ? power.evaluate(emitNearest(builder.scalar(0), { lower, upper }, context), node, context)
      : builder.add('Min', ends)
    return emitKernelRange('Pow', { lower: lowest, upper: builder.add('Max', ends) }, context)
  },
  relaxation: {
    loose: (node, context) => relaxationOf(node, context).loose!(node, context),
    lines: (node, context) => relaxationOf(node, context).lines!(node, context),
    backward: (node, gradient, context) => relaxationOf(node, context).backward(node, gradient, context),
    at: (node, points, context) => relaxationOf(node, context).at(node, points, context),
  },
}

const bentOneWay = convexRelaxation(power)
const bentBothWays = lineRelaxation(
  ({ lower, upper }, _node, { builder }) => builder.add('Less', [lower, upper]),
  (range, node, context) => oddPowerLines(range, exponentOf(node, context), context),
)

function relaxationOf(node: GraphNode, context: RuleContext): RelaxationRules {
  return isOdd(exponentOf(node, context)) ? bentBothWays : bentOneWay
}

/** The exponent of a power that bends one way where it is defined, or is {@link isOdd}. */
function exponentOf(node: GraphNode, context: RuleContext): number {
  const exponents = context.constant(node.inputs[1])
  if (!exponents) return refuse(node, 'its exponent is not a constant')
  if (enlarges(node.inputs[0], exponents, context)) refuse(node, 'its exponent has more elements than its base')
  const [first, ...others] = Array.from<number | bigint, number>(exponents.data, Number)
  return others.every((other) => other === first) ? first : refuse(node, 'its exponents differ')
}

/** Such powers are defined below 0, where they bend the other way. */
function isOdd(exponent: number): boolean {
  return exponent >= 3 && exponent % 2 === 1
}

function isEven(exponent: number): boolean {
  return exponent >= 0 && exponent % 2 === 0
}

/** x^p with as few roundings as there are. */
function emitPower(input: string, exponent: number, { builder }: IntervalContext): string {
  return builder.add('Pow', [input, builder.scalar(exponent)])
}

/** NaN in place of a negative bound: what is neither even nor odd is not defined below 0. */
function emitNotNegative(bound: string, { builder }: IntervalContext): string {
  return builder.add('Where', [builder.add('Less', [bound, builder.scalar(0)]), builder.scalar(Number.NaN), bound])
}

function enlarges(base: string, exponent: Tensor, context: RuleContext): boolean {
  const shape = context.shape(base)
  const lead = shape.length - exponent.shape.length
  return exponent.shape.some((size, axis) => {
    const target = shape[axis + lead]
    return size !== 1 && (target === undefined || isBatch(target) || target !== size)
  })
}
