import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type GraphNode } from '../graph/graph.js'
import type {
  Interval,
  IntervalContext,
  Line,
  Lines,
  RelaxationContext,
  RelaxationRules,
  Relaxed,
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
      return {
        input: node.inputs[0],
        gradient: emitScaled(gradient, lower.slope, upper.slope, output, context),
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

function emitLineAt(points: string, { slope, intercept }: Line, value: string, { combine }: RowContext): string {
  const product = combine('Mul', value, [points], [slope])
  return intercept === undefined ? product : combine('Add', value, [product], [intercept])
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
  const scaled = builder.add('Mul', [positive, below])
  return negative ? builder.add('Add', [scaled, builder.add('Mul', [negative, above])]) : scaled
}

/** Coefficients over `value` as in {@link emitBySign}, times numbers with one slice per sample. */
function emitScaled(coefficients: string, below: string, above: string, value: string, context: RowContext): string {
  const { builder } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  const scaled = emitScaledSlices(coefficients, below, above, value, [count], [count], context)
  return builder.add('Reshape', [scaled, builder.ints([-1, ...shape])])
}

/**
 * The same, with an axis for the slices, [slices, rows of a slice, …]: coefficients are laid out as `layout` and the numbers as
 * `factors`, which broadcast.
 */
export function emitScaledSlices(
  coefficients: string,
  below: string,
  above: string,
  value: string,
  layout: readonly number[],
  factors: readonly number[],
  context: RowContext,
): string {
  const { builder } = context
  const { positive, negative } = emitParts(coefficients, builder)
  const scaled = (part: string, sliced: string) =>
    builder.add('Mul', [context.bySlice(part, layout), context.ofSlices(sliced, value, [1, ...factors])])
  return negative ? builder.add('Add', [scaled(positive, below), scaled(negative, above)]) : scaled(positive, below)
}

/** The positive and the negative coefficients, with zeros in the places of the others; '' where there can be no negative one. */
export function emitParts(coefficients: string, builder: GraphBuilder): { positive: string; negative: string } {
  const positive = builder.once(`${coefficients} above 0`, () => builder.add('Relu', [coefficients]))
  const negative = builder.once(`${coefficients} below 0`, () => builder.add('Sub', [coefficients, positive]))
  return { positive, negative }
}

/** Coefficients of which none is negative. */
export function emitNonNegative(coefficients: string, builder: GraphBuilder): string {
  builder.once(`${coefficients} above 0`, () => coefficients)
  builder.once(`${coefficients} below 0`, () => '')
  return coefficients
}

/** Coefficients whose parts are known already. */
export function emitFromParts(positive: string, negative: string, builder: GraphBuilder): string {
  const coefficients = builder.add('Add', [positive, negative])
  builder.once(`${coefficients} above 0`, () => positive)
  builder.once(`${coefficients} below 0`, () => negative)
  return coefficients
}

/** Coefficients in another shape; what is known of their parts stays known. */
export function emitReshaped(coefficients: string, shape: readonly number[], builder: GraphBuilder): string {
  const { positive, negative } = emitParts(coefficients, builder)
  const reshape = (value: string) => builder.add('Reshape', [value, builder.ints(shape)])
  const reshaped = reshape(coefficients)
  builder.once(`${reshaped} above 0`, () => reshape(positive))
  builder.once(`${reshaped} below 0`, () => negative && reshape(negative))
  return reshaped
}

/** Planes below and above an operator, in whatever form its rules give them. */
export interface PlanesAround<Plane extends { readonly intercept: string }> {
  readonly lower: Plane
  readonly upper: Plane
}

/**
 * Replaces an operator by planes: positive coefficients take the lower one, others the upper one. `through` makes
 * coefficients of one sign over the output into coefficients over the input.
 */
export function emitThroughPlanes<Plane extends { readonly intercept: string }>(
  node: GraphNode,
  gradient: string,
  { lower, upper }: PlanesAround<Plane>,
  through: (coefficients: string, plane: Plane) => string,
  context: RowContext,
): Relaxed {
  const { builder } = context
  const { positive, negative } = emitParts(gradient, builder)
  const below = through(positive, lower)
  return {
    input: node.inputs[0],
    gradient: negative ? builder.add('Add', [below, through(negative, upper)]) : below,
    constant: emitIntercepts(gradient, lower.intercept, upper.intercept, node.outputs[0], context),
  }
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
  const most = emitParts(gradient, builder).negative ? above : undefined
  if (below === undefined && most === undefined) return undefined
  // Whatever was computed before rounds a few times, too.
  const allowance = rounding.gamma(context.sumBySignRoundings(featureShape(context.shape(value))!) + 16)
  const wide = (intercept: string, operator: 'Add' | 'Sub') => {
    if (allowance === 0) return intercept
    const error = builder.add('Mul', [builder.add('Abs', [intercept]), builder.scalar(allowance)])
    return builder.add(operator, [intercept, error])
  }
  return context.sumBySign(gradient, below && wide(below, 'Sub'), most && wide(most, 'Add'), value)
}
