import { type GraphNode, intAttribute } from '../graph/graph.js'
import { emitAbsent, emitPresent } from './absent.js'
import { emitLog, sumOfMagnitudes } from './batch-invariant.js'
import { emitThroughPlanes, type PlanesAround } from './lines.js'
import type { Interval, IntervalContext, RelaxationRules, RowContext, RuleContext } from './operator.js'
import { emitExcesses, emitLargest, emitMiddle, emitNearest, emitSecant } from './ranges.js'
import { sampleAxis } from './samples.js'

/** A plane per element: scale·(x − Σ weights·x) + intercept, summed along the axis. */
interface Plane {
  readonly weights: string
  readonly scale: string
  readonly intercept: string
}

/** A bound of the logarithms: x − Σ weights·x + constant, give or take `error`, both with one number per sum. */
interface Logarithms {
  readonly weights: string
  readonly constant: string
  readonly error: string
}

// Of sums of powers and what is done with them. The exponent x − M of a power is off by up to u·|x − M|, the power by no
// more than u/e for that: next to the sum, which is at least 1, as much as one rounding for each summand.
const roundings = (count: number) => 4 * count + 64
// Of a single power, next to itself: |x − M| is less than 104 where it does not vanish.
const roundingsOfOne = (count: number) => 4 * count + 1024

// Probabilities below this are as good as 0.
const smallestPower = 2 ** -60

/**
 * Relaxation of log-softmax: x_j − log Σ e^x is concave, so that its tangent plane in the middle of the box is above. Below, the
 * powers are at most their chords, and the logarithm of the sum of these at most its tangent.
 */
export function logSoftmaxRelaxation(): RelaxationRules {
  return planeRelaxation((node, context) => {
    const { builder } = context
    const { lower, upper } = emitLogarithms(node, context)
    const one = builder.scalar(1)
    const kernel = builder.add('Mul', [
      emitLargest(context.interval(node.outputs[0]), context),
      builder.scalar(context.rounding.gamma(roundings(axisOf(node, context).count))),
    ])
    const size = emitLargest(rangeOf(node, context), context)
    const error = (each: Logarithms) => builder.add('Add', [emitError(size, each, node, context), kernel])
    return {
      lower: { ...lower, scale: one, intercept: builder.add('Sub', [lower.constant, error(lower)]) },
      upper: { ...upper, scale: one, intercept: builder.add('Add', [upper.constant, error(upper)]) },
    }
  })
}

/**
 * Relaxation of softmax as the exponential of {@link logSoftmaxRelaxation}: below, by its tangent at the logarithm that the plane
 * has in the middle, above, by its chord. (The upper plane is the tangent of the bound LSE* of Wei, Wu, Wu, Chen, Barrett and
 * Farchi, "Convex bounds on the softmax function with applications to robustness verification", AISTATS 2023.)
 */
export function softmaxRelaxation(): RelaxationRules {
  return planeRelaxation((node, context) => {
    const { builder, rounding } = context
    const { lower, upper } = emitLogarithms(node, context)
    const output = context.interval(node.outputs[0])
    const size = emitLargest(rangeOf(node, context), context)
    const { count } = axisOf(node, context)
    const relative = (value: string, times: number) =>
      builder.add('Mul', [value, builder.scalar(rounding.gamma(times))])
    // By how much the model's result may be off, twice: the bounds of the output are about that as well.
    const kernel = builder.add('Min', [
      relative(output.upper, 2 * roundingsOfOne(count)),
      builder.add('Add', [relative(output.upper, 2 * roundings(count)), builder.scalar(2 * rounding.gamma(1))]),
    ])
    const absolute = builder.scalar(rounding.mode === 'covered' ? 2 ** -80 : 0)
    const error = (scale: string, each: Logarithms, exponent: string, result: string) => {
      const argument = emitError(builder.add('Add', [size, exponent]), each, node, context)
      const own = builder.add('Add', [builder.add('Mul', [scale, argument]), relative(result, roundings(count))])
      return builder.add('Add', [own, builder.add('Add', [kernel, absolute])])
    }

    const least = builder.scalar(smallestPower)
    const isTold = builder.add('Greater', [output.lower, least])
    const ends = [output.lower, output.upper].map((bound) => {
      const y = builder.add('Max', [bound, least])
      return { x: emitLogOf(y, context), y }
    })
    const logarithm = { lower: ends[0].x, upper: ends[1].x }

    const middle = emitAtMiddle({ ...lower, scale: builder.scalar(1), intercept: lower.constant }, node, context)
    const touch = emitNearest(middle, logarithm, context)
    const tangent = builder.add('Exp', [touch])
    const below = builder.add('Add', [builder.add('Sub', [builder.scalar(1), touch]), lower.constant])

    // A chord from a point that is too high is not above the function.
    const secant = builder.add('Relu', [emitSecant(ends[0], ends[1], context)])
    const chord = builder.add('Where', [isTold, secant, builder.scalar(0)])
    const excess = builder.add('Max', emitExcesses(chord, ends, context))
    const above = builder.add('Add', [excess, builder.add('Mul', [chord, upper.constant])])
    return {
      lower: {
        weights: lower.weights,
        scale: tangent,
        intercept: builder.add('Sub', [
          builder.add('Mul', [tangent, below]),
          error(tangent, lower, builder.add('Abs', [touch]), tangent),
        ]),
      },
      upper: {
        weights: upper.weights,
        scale: chord,
        intercept: builder.add('Add', [above, error(chord, upper, emitLargest(logarithm, context), output.upper)]),
      },
    }
  })
}

/** Planes, or the interval where that is closer in the middle of the box. */
function planeRelaxation(
  planesOf: (node: GraphNode, context: IntervalContext) => PlanesAround<Plane>,
): RelaxationRules {
  const planes = (node: GraphNode, { samples, whole }: RowContext): PlanesAround<Plane> => {
    const all = whole.node(node)
    const { lower, upper } = planesOf(all, samples)
    const interval = samples.interval(all.outputs[0])
    return {
      lower: closer(lower, interval.lower, 'Greater', all, samples),
      upper: closer(upper, interval.upper, 'Less', all, samples),
    }
  }
  return {
    dropsAbsent: true,

    backward(node, gradient, context) {
      const { builder, rows } = context
      const [[input], [output]] = [node.inputs, node.outputs]
      const around = planes(node, context)
      const through = (coefficients: string, plane: Plane) => {
        const scaled = builder.add('Mul', [coefficients, rows(plane.scale, output)])
        // Of the magnitudes: above, all numbers are negative.
        const total = emitSum(scaled, node, context.samples)
        const weighted = builder.add('Mul', [total, rows(plane.weights, input)])
        return builder.add(plane === around.lower ? 'Sub' : 'Add', [scaled, weighted])
      }
      return emitThroughPlanes(node, gradient, around, through, context)
    },

    at(node, [points], context) {
      const { builder, rows } = context
      const [[input], [output]] = [node.inputs, node.outputs]
      const { lower, upper } = planes(node, context)
      const value = ({ weights, scale, intercept }: Plane) => {
        const mean = emitSignedSum(builder.add('Mul', [points, rows(weights, input)]), node, context.samples)
        const scaled = builder.add('Mul', [builder.add('Sub', [points, mean]), rows(scale, output)])
        return builder.add('Add', [scaled, rows(intercept, output)])
      }
      return { lower: value(lower), upper: value(upper) }
    },
  }
}

function closer(
  plane: Plane,
  bound: string,
  operator: 'Greater' | 'Less',
  node: GraphNode,
  context: IntervalContext,
): Plane {
  const { builder } = context
  const better = builder.add(operator, [emitAtMiddle(plane, node, context), bound])
  const absent = emitAbsent(node.inputs[0], context)
  const isCloser = absent ? builder.add('And', [better, builder.add('Not', [absent])]) : better
  return {
    weights: plane.weights,
    scale: builder.add('Where', [isCloser, plane.scale, builder.scalar(0)]),
    intercept: builder.add('Where', [isCloser, plane.intercept, bound]),
  }
}

function emitAtMiddle({ weights, scale, intercept }: Plane, node: GraphNode, context: IntervalContext): string {
  const { builder } = context
  const middle = emitMiddle(rangeOf(node, context), context)
  const mean = emitSignedSum(builder.add('Mul', [middle, weights]), node, context)
  const scaled = builder.add('Mul', [builder.add('Sub', [middle, mean]), scale])
  return builder.add('Add', [scaled, intercept])
}

function emitLogarithms(node: GraphNode, context: IntervalContext): { lower: Logarithms; upper: Logarithms } {
  const { builder } = context
  const [input] = node.inputs
  const everything = context.interval(input)
  const range = rangeOf(node, context)
  const size = emitLargest(range, context)
  const { axis } = axisOf(node, context)
  const sum = (terms: string) => emitSum(terms, node, context)
  const powers = (x: string, largest: string) => builder.add('Exp', [builder.add('Sub', [x, largest])])
  const largestOf = (x: string) => builder.add('ReduceMax', [x, builder.ints([axis])], { keepdims: 1 })

  const largest = largestOf(everything.upper)
  const ends = (['lower', 'upper'] as const).map((end) => ({ x: range[end], y: powers(everything[end], largest) }))
  const chord = emitSecant(ends[0], ends[1], context)
  const [least, most] = ends.map(({ y }) => sum(y))
  // Whatever it is, log Σ ≤ log touch − 1 + Σ / touch.
  const touch = builder.add('Mul', [builder.add('Add', [least, most]), builder.scalar(0.5)])
  const weights = builder.add('Div', [chord, touch])
  const excess = builder.add('Div', [builder.add('Max', emitExcesses(chord, ends, context)), touch])
  const logarithm = emitLogOf(touch, context)
  const below = builder.add('Add', [
    builder.add('Add', [largest, logarithm]),
    builder.add('Sub', [emitSignedSum(excess, node, context), builder.scalar(1)]),
  ])

  const middle = emitMiddle(range, context)
  const top = largestOf(emitMiddle(everything, context))
  const distance = builder.add('Sub', [top, middle])
  // Without what is absent the sum is no larger.
  const power = emitPresent(powers(middle, top), input, context)
  const total = sum(power)
  const shares = builder.add('Div', [power, total])
  const logarithmOfTotal = emitLogOf(total, context)
  const mean = emitSignedSum(builder.add('Mul', [shares, middle]), node, context)
  const above = builder.add('Sub', [mean, builder.add('Add', [top, logarithmOfTotal])])

  // Of their own power, and so of the share, the roundings of the exponent are a part.
  const inexact = builder.add('Mul', [shares, builder.add('Add', [distance, builder.scalar(1)])])
  const errorOf = (factors: string, summands: readonly string[]) => {
    const sizes = [sum(builder.add('Mul', [factors, size])), ...summands.map((each) => builder.add('Abs', [each]))]
    return sizes.reduce((one, other) => builder.add('Add', [one, other]), builder.scalar(4))
  }
  return {
    lower: { weights, constant: builder.add('Neg', [below]), error: errorOf(weights, [largest, logarithm]) },
    upper: { weights: shares, constant: above, error: errorOf(inexact, [top, logarithmOfTotal]) },
  }
}

/** Bounds of the input, of what is not {@link emitAbsent}. */
function rangeOf(node: GraphNode, context: IntervalContext): Interval {
  const [input] = node.inputs
  const { lower, upper } = context.interval(input)
  return { lower: emitPresent(lower, input, context), upper: emitPresent(upper, input, context) }
}

/** What rounding makes of a logarithm's bound, and of x and other terms of at most `size`. */
function emitError(size: string, { error }: Logarithms, node: GraphNode, context: IntervalContext): string {
  const { builder, rounding } = context
  const { count } = axisOf(node, context)
  const relative = builder.scalar(2 * rounding.gamma(roundings(count)))
  const absolute = builder.scalar(4 * rounding.kernelError('Log'))
  return builder.add('Add', [builder.add('Mul', [builder.add('Add', [size, error]), relative]), absolute])
}

/** Sum along the axis of the magnitudes. */
function emitSum(terms: string, node: GraphNode, context: IntervalContext): string {
  const { axis } = axisOf(node, context)
  return context.builder.add(sumOfMagnitudes, [terms, context.builder.ints([axis])], { keepdims: 1 })
}

function emitSignedSum(terms: string, node: GraphNode, context: IntervalContext): string {
  const { builder } = context
  const positive = builder.add('Relu', [terms])
  const sums = [positive, builder.add('Sub', [terms, positive])].map((part) => emitSum(part, node, context))
  return builder.add('Sub', sums)
}

function emitLogOf(value: string, context: IntervalContext): string {
  const { builder } = context
  const column = emitLog(builder.add('Reshape', [value, builder.ints([-1, 1])]), builder)
  return builder.add('Reshape', [column, builder.add('Shape', [value])])
}

/** The axis that the shares of a node sum to 1 along, and how many there are. */
export function axisOf(node: GraphNode, context: RuleContext): { readonly axis: number; readonly count: number } {
  const shape = context.shape(node.inputs[0])
  const axis = sampleAxis(intAttribute(node, 'axis', -1), shape.length, node)
  return { axis, count: shape[axis] as number }
}
