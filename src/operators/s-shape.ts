import type { GraphBuilder } from '../graph/builder.js'
import { lineRelaxation } from './lines.js'
import type { Interval, IntervalContext, RelaxationRules } from './operator.js'
import type { ApproximatedKernel } from './rounding.js'

/** An increasing function, convex below zero and concave above, with σ(x) + σ(−x) constant. */
export interface SShape {
  readonly kernel: ApproximatedKernel
  /** σ(x) + σ(−x). */
  readonly sum: number
  readonly steepest: number
  evaluate(input: string, builder: GraphBuilder): string
  derivative(input: string, builder: GraphBuilder): string
  /** The positive input where the derivative is `slope`, which is at most {@link steepest}. */
  whereSteep(slope: string, builder: GraphBuilder): string
}

// A step of the iteration for the tangent squares the error.
const tangentSteps = 4
// Units that are saturated over their whole range gain nothing from tighter bounds.
const negligibleRange = 1e-5

/**
 * Two lines around an S-shaped function (Zhang et al. 2018, Table 3): the chord where that is on the right side, else a
 * tangent. Slopes are only approximately those; the intercepts make the lines sound for the slopes as they are.
 */
export function sShapeRelaxation(shape: SShape): RelaxationRules {
  const isLoose = ({ lower, upper }: Interval, _node: unknown, { builder }: IntervalContext) => {
    const [low, high] = [lower, upper].map((bound) => shape.evaluate(bound, builder))
    return builder.add('Greater', [builder.add('Sub', [high, low]), builder.scalar(negligibleRange)])
  }
  return lineRelaxation(isLoose, ({ lower, upper }, _node, context) => {
    const { builder } = context
    const negated = (value: string) => builder.add('Neg', [value])
    const above = lineAbove({ lower, upper }, shape, context)
    // σ(x) = sum − σ(−x): the line below is the one above of the mirrored range.
    const mirrored = lineAbove({ lower: negated(upper), upper: negated(lower) }, shape, context)
    return {
      lower: {
        slope: mirrored.slope,
        intercept: builder.add('Sub', [builder.scalar(shape.sum), mirrored.intercept]),
      },
      upper: above,
    }
  })
}

function lineAbove({ lower, upper }: Interval, shape: SShape, context: IntervalContext) {
  const { builder, rounding } = context
  const scalar = (value: number) => builder.scalar(value)
  const sigma = (value: string) => shape.evaluate(value, builder)
  const zero = scalar(0)
  const middle = builder.add('Mul', [builder.add('Add', [lower, upper]), scalar(0.5)])
  const floor = builder.add('Max', [lower, zero])
  const atLower = sigma(lower)

  // From (l, σ(l)) the steepest chord touches the curve; where it would do so beyond u, the chord to u is above it.
  let touch = upper
  let slope = ''
  for (let step = 0; step < tangentSteps; step++) {
    const rise = builder.add('Sub', [sigma(touch), atLower])
    const run = builder.add('Max', [builder.add('Sub', [touch, lower]), scalar(1e-30)])
    slope = limit(builder.add('Div', [rise, run]), shape, builder)
    touch = builder.add('Min', [builder.add('Max', [shape.whereSteep(slope, builder), floor]), upper])
  }
  const isChord = builder.add('GreaterOrEqual', [touch, upper])
  // Of all tangents that are above, the one nearest to the middle leaves the smallest area.
  const tangent = shape.derivative(builder.add('Max', [touch, middle]), builder)
  const chosen = limit(builder.add('Where', [isChord, slope, tangent]), shape, builder)

  // σ(x) − slope·x is largest at an end, or where the derivative is the slope.
  const peak = builder.add('Min', [builder.add('Max', [shape.whereSteep(chosen, builder), floor]), upper])
  const excess = (point: string) => builder.add('Sub', [sigma(point), builder.add('Mul', [chosen, point])])
  const largest = builder.add('Max', [lower, peak, upper].map(excess))
  if (rounding.mode === 'ignored') return { slope: chosen, intercept: largest }
  const magnitude = builder.add('Max', [builder.add('Neg', [lower]), upper])
  // The kernel's error counts in the model and here; the peak is found to a part in 2^20, which is flat enough.
  const kernels = scalar(3 * rounding.kernelError(shape.kernel))
  const rounded = builder.add('Mul', [
    builder.add('Add', [builder.add('Mul', [chosen, magnitude]), scalar(1)]),
    scalar(rounding.gamma(8)),
  ])
  return { slope: chosen, intercept: builder.add('Add', [largest, builder.add('Add', [kernels, rounded])]) }
}

function limit(slope: string, { steepest }: SShape, builder: GraphBuilder): string {
  return builder.add('Min', [builder.add('Max', [slope, builder.scalar(0)]), builder.scalar(steepest)])
}
