import type { GraphNode } from '../graph/graph.js'
import type { Interval, IntervalContext, RelaxationContext, RelaxationRules } from './operator.js'
import { sampleShape } from './samples.js'

/** A line over one neuron's input, one per sample and element: names in the built graph. */
export interface Line {
  readonly slope: string
  /** Missing: zero, and products with the slope do not round (it is 0, 1 or −1). */
  readonly intercept?: string
}

/** Lines below and above y = σ(x) for all x between the bounds of the input. */
export interface Lines {
  readonly lower: Line
  readonly upper: Line
}

/** Relaxation of an elementwise operator by two lines: positive coefficients take the lower one, others the upper one. */
export function lineRelaxation(
  loose: (input: Interval, node: GraphNode, context: IntervalContext) => string,
  lines: (input: Interval, node: GraphNode, context: IntervalContext) => Lines,
): RelaxationRules {
  return {
    elementwise: true,

    loose: (node, context) => loose(context.interval(node.inputs[0]), node, context),

    backward(node, gradient, context) {
      const { builder, rows } = context
      const [input] = node.inputs
      const shape = sampleShape(input, node, context)
      const interval = context.interval(input)
      const { lower, upper } = lines(interval, node, context)
      const isPositive = builder.add('Greater', [gradient, builder.scalar(0)])
      // Not max(A, 0)·lower + min(A, 0)·upper: that cancels.
      const slope = builder.add('Where', [isPositive, rows(lower.slope), rows(upper.slope)])
      const below = lower.intercept && widened(lower, interval, shape, -1, context)
      const above = upper.intercept && widened(upper, interval, shape, 1, context)
      return {
        gradient: builder.add('Mul', [gradient, slope]),
        constant: emitIntercepts(gradient, below, above, shape, context),
      }
    },
  }
}

/** Σ gradient·intercept per row: positive coefficients take the intercept `below`, others the one `above`. */
export function emitIntercepts(
  gradient: string,
  below: string | undefined,
  above: string | undefined,
  shape: readonly number[],
  { builder, rows, sum }: RelaxationContext,
): string | undefined {
  const zero = builder.scalar(0)
  const parts = [
    below && builder.add('Mul', [builder.add('Max', [gradient, zero]), rows(below)]),
    above && builder.add('Mul', [builder.add('Min', [gradient, zero]), rows(above)]),
  ].filter((part) => part !== undefined)
  return parts.length === 0
    ? undefined
    : sum(
        parts.reduce((left, right) => builder.add('Add', [left, right])),
        shape,
      )
}

/**
 * The intercept moved outwards (`direction` −1 or 1) by what can be lost later: in the product of slope and
 * coefficient, which is off by a factor 1 ± u of slope·x, and in the sum of the intercepts.
 */
function widened(
  { slope, intercept }: Line,
  input: Interval,
  shape: readonly number[],
  direction: 1 | -1,
  context: RelaxationContext,
): string {
  const { builder, rounding } = context
  if (rounding.mode === 'ignored') return intercept!
  const magnitude = builder.add('Max', [builder.add('Neg', [input.lower]), input.upper])
  const product = builder.add('Mul', [builder.add('Abs', [slope]), magnitude])
  const error = builder.add('Add', [
    builder.add('Mul', [product, builder.scalar(rounding.gamma(4))]),
    builder.add('Mul', [
      builder.add('Abs', [intercept!]),
      builder.scalar(rounding.gamma(context.sumRoundings(shape) + 8)),
    ]),
  ])
  const all = builder.add('Add', [error, builder.scalar(rounding.underflow)])
  return builder.add(direction === 1 ? 'Add' : 'Sub', [intercept!, all])
}
