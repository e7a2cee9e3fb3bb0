import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, type GraphNode, intAttribute, intsAttribute } from '../graph/graph.js'
import { emitWindowSpread, emitWindowSums } from './average-pool.js'
import { emitThroughPlanes, type PlanesAround } from './lines.js'
import type {
  DerivativeContext,
  Interval,
  IntervalContext,
  Operator,
  RelaxationRules,
  RuleContext,
} from './operator.js'
import { emitExcesses, emitLargest, emitMiddle, emitNearest, emitSecant } from './ranges.js'
import { refuse } from './refuse.js'

// Sums of powers below this have lost digits to underflow.
const smallestSum = 2 ** -90

/** y = (Σ |x|^p)^(1/p) over windows, p being a whole number */
export const lpPool: Operator = {
  name: 'LpPool',
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const { perElement, perWindow } = slopes(node, context)
      const spread = emitWindowSpread(node, builder.add('Mul', [gradient!, perWindow]), context)
      return [builder.add('Mul', [spread, perElement])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const { perElement, perWindow } = slopes(node, context)
      const sums = emitWindowSums(node, builder.add('Mul', [tangent!, perElement]), context)
      return [builder.add('Mul', [sums, perWindow])]
    },
  },

  interval(node, context) {
    const { builder, rounding } = context
    const range = context.interval(node.inputs[0])
    const nearest = emitNearest(builder.scalar(0), range, context)
    const [lower, upper] = [nearest, emitLargest(range, context)].map((x) => emitLpNorm(node, x, context))
    if (rounding.mode === 'ignored') return { lower, upper }
    const error = (bound: string) => emitKernelError(node, bound, context)
    return { lower: builder.add('Sub', [lower, error(lower)]), upper: builder.add('Add', [upper, error(upper)]) }
  },

  relaxation: lpPoolRelaxation(),

  lower: (node, [input], context) => [emitLpNorm(node, input, context)],
}

function powerOf(node: GraphNode): number {
  const power = intAttribute(node, 'p', 2)
  return power >= 1 ? power : refuse(node, 'its exponent is less than 1')
}

/** ∂y_i/∂x_j = sign(x_j)·|x_j|^(p − 1) · y_i^(1 − p), 0 where y_i is. */
function slopes(node: GraphNode, context: DerivativeContext): { perElement: string; perWindow: string } {
  const output = context.value(node.outputs[0])
  const perElement = elementSlopes(node, context.value(node.inputs[0]), context)
  const isPositive = context.builder.add('Greater', [output, context.builder.scalar(0)])
  const perWindow = windowSlopes(node, output, isPositive, context)
  return { perElement: context.rows(perElement), perWindow: context.rows(perWindow) }
}

function elementSlopes(node: GraphNode, input: string, { builder }: RuleContext): string {
  const power = powerOf(node)
  const size = emitPower(builder.add('Abs', [input]), power - 1, builder)
  return builder.add('Mul', [builder.add('Sign', [input]), size])
}

function windowSlopes(node: GraphNode, output: string, isDefined: string, { builder }: RuleContext): string {
  const slope = emitPower(output, 1 - powerOf(node), builder)
  return builder.add('Where', [isDefined, slope, builder.scalar(0)])
}

function emitLpNorm(node: GraphNode, input: string, context: RuleContext): string {
  return emitPower(emitPowerSums(node, input, context), 1 / powerOf(node), context.builder)
}

/** Σ |x|^p of each window. */
function emitPowerSums(node: GraphNode, input: string, context: RuleContext): string {
  const { builder } = context
  return emitWindowSums(node, emitPower(builder.add('Abs', [input]), powerOf(node), builder), context)
}

function emitPower(value: string, power: number, builder: GraphBuilder): string {
  return power === 1 ? value : builder.add('Pow', [value, builder.scalar(power)])
}

/** Number of roundings that all powers (of 9 each), sums and roots together amount to. */
function roundings(node: GraphNode): number {
  return 2 * elementCount(intsAttribute(node, 'kernel_shape')!) + 16 * powerOf(node) + 64
}

/** Error of outputs of at most `size`, in the model and here. */
function emitKernelError(node: GraphNode, size: string, { builder, rounding }: IntervalContext): string {
  const count = elementCount(intsAttribute(node, 'kernel_shape')!)
  // Powers underflow.
  const absolute = 2 * (count * 2 ** -120) ** (1 / powerOf(node))
  const relative = builder.add('Mul', [size, builder.scalar(rounding.gamma(roundings(node)))])
  return builder.add('Add', [relative, builder.scalar(absolute)])
}

/** A plane per window: intercept + perWindow·Σ perElement·x. */
interface WindowPlane {
  readonly perElement: string
  readonly perWindow: string
  readonly intercept: string
}

/**
 * Below: the norm's tangent plane in the middle of the box. Above: |x|^p is below its chord, and the root of the sum of
 * these below its tangent.
 */
function lpPoolRelaxation(): RelaxationRules {
  return {
    backward(node, gradient, context) {
      const { builder, rows } = context
      const [[input], [output]] = [node.inputs, node.outputs]
      const through = (coefficients: string, { perElement, perWindow }: WindowPlane) => {
        const scaled = builder.add('Mul', [coefficients, rows(perWindow, output)])
        return builder.add('Mul', [emitWindowSpread(node, scaled, context), rows(perElement, input)])
      }
      return emitThroughPlanes(node, gradient, emitPlanes(node, context.samples), through, context)
    },

    at(node, [points], context) {
      const { builder, rows } = context
      const [[input], [output]] = [node.inputs, node.outputs]
      const { lower, upper } = emitPlanes(node, context.samples)
      const value = ({ perElement, perWindow, intercept }: WindowPlane) => {
        const sums = emitWindowSums(node, builder.add('Mul', [points, rows(perElement, input)]), context)
        return builder.add('Add', [builder.add('Mul', [sums, rows(perWindow, output)]), rows(intercept, output)])
      }
      return { lower: value(lower), upper: value(upper) }
    },
  }
}

function emitPlanes(node: GraphNode, context: IntervalContext): PlanesAround<WindowPlane> {
  const { builder } = context
  const range = context.interval(node.inputs[0])
  const largest = context.interval(node.outputs[0]).upper
  const tangent = emitTangentPlane(node, range, context)
  const chords = emitChordPlane(node, range, context)
  const moved = (plane: WindowPlane, operator: 'Add' | 'Sub'): WindowPlane => {
    const error = emitPlaneError(node, plane, range, largest, context)
    return { ...plane, intercept: builder.add(operator, [plane.intercept, error]) }
  }
  if (context.rounding.mode === 'ignored') return { lower: tangent, upper: chords }
  return { lower: moved(tangent, 'Sub'), upper: moved(chords, 'Add') }
}

function emitTangentPlane(node: GraphNode, range: Interval, context: IntervalContext): WindowPlane {
  const { builder } = context
  const middle = emitMiddle(range, context)
  const sums = emitPowerSums(node, middle, context)
  const norm = emitPower(sums, 1 / powerOf(node), builder)
  const isLarge = builder.add('Greater', [sums, builder.scalar(smallestSum)])
  return {
    perElement: elementSlopes(node, middle, context),
    perWindow: windowSlopes(node, norm, isLarge, context),
    intercept: builder.add('Mul', [norm, builder.scalar(0)]),
  }
}

function emitChordPlane(node: GraphNode, range: Interval, context: IntervalContext): WindowPlane {
  const { builder } = context
  const power = powerOf(node)
  const ends = [range.lower, range.upper].map((x) => ({ x, y: emitPower(builder.add('Abs', [x]), power, builder) }))
  const perElement = emitSecant(ends[0], ends[1], context)
  const intercepts = emitWindowSums(node, builder.add('Max', emitExcesses(perElement, ends, context)), context)
  const middle = builder.add('Mul', [perElement, emitMiddle(range, context)])
  const atMiddle = builder.add('Add', [emitWindowSums(node, middle, context), intercepts])
  const touch = builder.add('Max', [atMiddle, builder.scalar(2 ** -60)])
  const root = emitPower(touch, 1 / power, builder)
  const perWindow = builder.add('Mul', [builder.add('Div', [root, touch]), builder.scalar(1 / power)])
  return {
    perElement,
    perWindow,
    intercept: builder.add('Add', [
      builder.add('Mul', [root, builder.scalar(1 - 1 / power)]),
      builder.add('Mul', [perWindow, intercepts]),
    ]),
  }
}

/** What rounding makes of a plane and of the model, relative to the largest terms that there are. */
function emitPlaneError(
  node: GraphNode,
  { perElement, perWindow }: WindowPlane,
  range: Interval,
  largest: string,
  context: IntervalContext,
): string {
  const { builder, rounding } = context
  const farthest = emitLargest(range, context)
  const products = builder.add('Mul', [builder.add('Abs', [perElement]), farthest])
  const powers = emitPower(farthest, powerOf(node), builder)
  const terms = emitWindowSums(node, builder.add('Add', [products, powers]), context)
  const size = builder.add('Mul', [perWindow, terms])
  const relative = builder.add('Mul', [size, builder.scalar(rounding.gamma(roundings(node)))])
  const kernel = emitKernelError(node, builder.add('Mul', [largest, builder.scalar(2)]), context)
  return builder.add('Add', [relative, builder.add('Add', [kernel, builder.scalar(2 ** -80)])])
}
