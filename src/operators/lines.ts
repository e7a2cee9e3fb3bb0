import type { GraphBuilder } from '../graph/builder.js'
import { featureShape, type GraphNode } from '../graph/graph.js'
import type {
  Interval,
  IntervalContext,
  Line,
  Lines,
  RelaxationContext,
  RelaxationRules,
  RowContext,
  RuleContext,
} from './operator.js'

/** Relaxation of an elementwise operator by two lines: positive coefficients take the lower one, others the upper one. */
export function lineRelaxation(
  loose: (input: Interval, node: GraphNode, context: IntervalContext) => string,
  linesOf: (input: Interval, node: GraphNode, context: IntervalContext) => Lines,
): RelaxationRules {
  const lines = (node: GraphNode, context: RelaxationContext): Lines => {
    const { samples } = context
    const whole = context.whole.node(node)
    const interval = samples.interval(whole.inputs[0])
    const { lower, upper, flattest, steepest } = linesOf(interval, whole, samples)
    const offset = context.offset(node.inputs[0])
    const below = (line: Line) => completed(line, interval, offset?.lower, -1, samples)
    return {
      lower: below(lower),
      upper: completed(upper, interval, offset?.upper, 1, samples),
      flattest: flattest && below(flattest),
      steepest: steepest && below(steepest),
    }
  }
  return {
    loose: (node, context) => loose(context.interval(node.inputs[0]), node, context),
    lines,
    backward(node, gradient, context) {
      const [output] = node.outputs
      const found = lines(node, context)
      const [lower, upper] = [context.lowerLine(found), found.upper]
      const slope = (line: Line) => context.rows(line.slope, output)
      return {
        input: node.inputs[0],
        gradient: emitBySign(gradient, slope(lower), slope(upper), context),
        constant: emitIntercepts(gradient, lower.intercept, upper.intercept, output, context),
      }
    },
    at(node, [points], context) {
      const found = lines(node, context)
      const [lower, upper] = [context.lowerLine(found), found.upper].map((line) => {
        return emitLineAt(points, line, node.outputs[0], context)
      })
      return { lower, upper }
    },
  }
}

function emitLineAt(points: string, { slope, intercept }: Line, value: string, { builder, rows }: RowContext): string {
  const product = builder.add('Mul', [points, rows(slope, value)])
  return intercept === undefined ? product : builder.add('Add', [product, rows(intercept, value)])
}

/** The line with the offset of its input in it, moved outwards by what the product of slope and coefficient loses. */
function completed(
  { slope, intercept }: Line,
  input: Interval,
  offset: string | undefined,
  direction: 1 | -1,
  context: IntervalContext,
): Line {
  const { builder } = context
  const wide = intercept && outwards(intercept, slope, input, direction, context)
  const moved = offset && builder.add('Mul', [slope, offset])
  return { slope, intercept: wide && moved ? builder.add('Add', [wide, moved]) : (wide ?? moved) }
}

/** An intercept moved outwards: the coefficient times the slope is off by a factor 1 ± 2u, and so is that times x. */
export function outwards(
  intercept: string,
  slope: string,
  input: Interval,
  direction: 1 | -1,
  context: IntervalContext,
): string {
  const { builder, rounding } = context
  if (rounding.mode === 'ignored') return intercept
  const magnitude = builder.add('Max', [builder.add('Neg', [input.lower]), input.upper])
  const product = builder.add('Mul', [builder.add('Abs', [slope]), magnitude])
  const error = builder.add('Mul', [product, builder.scalar(rounding.gamma(8))])
  const all = builder.add('Add', [error, builder.scalar(rounding.underflow)])
  return builder.add(direction === 1 ? 'Add' : 'Sub', [intercept, all])
}

/** Coefficients times `below` where they are positive and times `above` where they are negative. */
export function emitBySign(coefficients: string, below: string, above: string, { builder }: RuleContext): string {
  // One of both is always zero, so that the sum is exact. Where, which would say it, is slow in onnxruntime.
  const { positive, negative } = emitParts(coefficients, builder)
  return builder.add('Add', [builder.add('Mul', [positive, below]), builder.add('Mul', [negative, above])])
}

/** The positive and the negative coefficients, with zeros in the places of the others. */
export function emitParts(coefficients: string, builder: GraphBuilder): { positive: string; negative: string } {
  const positive = builder.once(`${coefficients} above 0`, () => builder.add('Relu', [coefficients]))
  const negative = builder.once(`${coefficients} below 0`, () => builder.add('Sub', [coefficients, positive]))
  return { positive, negative }
}

/**
 * Σ gradient·intercept per row, rounded down: positive coefficients over `value` take the intercept `below`, others the
 * one `above`. The intercepts have one slice per sample; a missing one is zero.
 */
export function emitIntercepts(
  gradient: string,
  below: string | undefined,
  above: string | undefined,
  value: string,
  context: RowContext,
): string | undefined {
  const { builder, rounding } = context
  if (below === undefined && above === undefined) return undefined
  // Whatever was computed before rounds a few times, too.
  const allowance = rounding.gamma(context.sumRoundings(featureShape(context.shape(value))!) + 16)
  const wide = (intercept: string, operator: 'Add' | 'Sub') => {
    if (allowance === 0) return intercept
    const error = builder.add('Mul', [builder.add('Abs', [intercept]), builder.scalar(allowance)])
    return builder.add(operator, [intercept, error])
  }
  return context.sumBySign(gradient, below && wide(below, 'Sub'), above && wide(above, 'Add'), value)
}
