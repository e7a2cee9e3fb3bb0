import type { BallSettings } from '../bounds/input-ball.js'
import type { Results } from '../engine/engine.js'
import { GraphBuilder } from '../graph/builder.js'
import { featureShape, type Graph, type GraphNode, type Tensor, type TypedGraph } from '../graph/graph.js'
import { emitBySign } from '../operators/lines.js'
import type { Interval, IntervalContext, RowContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { roundingOf } from '../operators/rounding.js'
import { emitBallMinimum } from './ball-minimum.js'
import { ruleContext } from './context.js'
import { cropAround } from './crop.js'
import { emitHalfSpaceMinimum, type HalfSpace } from './half-space-minimum.js'
import { intervalContext } from './interval.js'
import { dependenceOnInput, emitBallInterval, isLinearInInput } from './linear-prefix.js'
import { emitSteeper } from './linearised-forward.js'
import { emitLoose } from './loose.js'
import {
  adaptiveLine,
  emitRelaxation,
  type Frontier,
  flattestLine,
  type LowerLine,
  type Relaxation,
} from './relaxation.js'
import { rowContext } from './row-context.js'
import { loopOverGroups, sampleOfRow, samplesInOrder } from './row-loop.js'
import { emitBoxMinimiser, emitBoxMinimum, type Minimum } from './row-sums.js'

/** Names of the graph inputs that hold the bounds of a value. */
export const lowerName = (value: string) => `bound:lower ${value}`
export const upperName = (value: string) => `bound:upper ${value}`
export const dualNormsName = (value: string) => `bound:dual norms ${value}`

const shareName = (value: string) => `bound:share ${value}`
const next = 'next '

/** The shares of the steepest lines that a relaxation graph returned, under the names of its inputs. */
export function nextShares(results: Results): Record<string, Tensor> {
  const found = Object.entries(results).filter(([name]) => name.startsWith(next))
  return Object.fromEntries(found.map(([name, shares]) => [name.slice(next.length), shares]))
}

/**
 * Which lines below the relaxation takes: CROWN's; those, and where to go from there; or given shares of the steepest
 * and the flattest line, and where to go from there.
 */
export type LowerLines = 'adaptive' | 'adaptive and next' | 'given and next'

export interface RelaxationTask {
  readonly frontier: Frontier
  readonly lowerLines: LowerLines
  /** Whether the ball is cut by a half-space per sample, coefficients·x + constant ≤ 0. */
  readonly isCut: boolean
}

export const halfSpaceNames = { coefficients: 'half-space:coefficients', constant: 'half-space:constant' }

/** What a bound graph is given: bounds of these values, besides those of the model's input. */
export type Known = ReadonlySet<string>

/**
 * A graph from bounds of the input and of `known` values to interval bounds `lower` and `upper` of `value` and, with
 * `selects`, to `loose`: the elements of it that are worth bounding more tightly.
 */
export function intervalGraph(
  graph: TypedGraph,
  value: string,
  known: Known,
  settings: BallSettings,
  selects: boolean,
): Graph {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const declared = declareKnown(graph, builder, known)
  const isTarget = (name: string) => name === value && !known.has(name) && hasDualNorms(graph, value, settings)
  const context: IntervalContext = intervalContext(graph, builder, roundingOf(settings.rounding), (name) =>
    isTarget(name) ? emitPrefixInterval(name, graph, builder, declared, settings) : declared(name),
  )
  const { lower, upper } = context.interval(value)
  builder.output('lower', lower)
  builder.output('upper', upper)
  if (selects) builder.output('loose', emitLoose(value, context))
  return builder.build()
}

/** Whether a value is bounded by the dual norms of its coefficients, which then are an input of its interval graph. */
export function hasDualNorms(graph: TypedGraph, value: string, { norm }: BallSettings): boolean {
  return norm !== 'linf' && isLinearInInput(value, graph)
}

/** Whether the interval graph bounds a value so well that linear relaxation would not improve it. */
export function isExactInterval(graph: TypedGraph, value: string, { norm, domain }: BallSettings): boolean {
  const dependence = dependenceOnInput(value, ruleContext(graph, new GraphBuilder(graph.opset)))
  if (norm !== 'linf') return dependence !== 'nonlinear' && domain === 'ignore'
  return dependence === 'element by element' || dependence === 'one mixing step'
}

/** What the ball and the box around it each allow for a value that is linear in the input. */
function emitPrefixInterval(
  value: string,
  graph: TypedGraph,
  builder: GraphBuilder,
  declared: (value: string) => Interval | undefined,
  settings: BallSettings,
): Interval {
  const context = intervalContext(graph, builder, roundingOf(settings.rounding), declared)
  const overBox = context.interval(value)
  const dualNorms = builder.input(dualNormsName(value), builder.precision, [1, ...shapeOf(value, graph)])
  const overBall = emitBallInterval(value, declareBall(graph, builder), dualNorms, context)
  return {
    lower: builder.add('Max', [overBox.lower, overBall.lower]),
    upper: builder.add('Min', [overBox.upper, overBall.upper]),
  }
}

/**
 * A graph to a lower bound `bound` of one linear function of `target` per row: of coefficient 1 at flat position `plus`
 * and −1 at `minus`, where a position of −1 means none; before the model's output, rows have one of both. `sampleOfRow` tells the sample of each row. With lower lines that
 * change, also `coefficients` and `constant` of the linear functions of the input that the model's outputs are above. Where there is a
 * {@link cropAround}, samples are pairs of a sample and a position of the target, and `plus` and `minus` its channels.
 */
export function relaxationGraph(
  graph: TypedGraph,
  target: string,
  known: Known,
  settings: BallSettings,
  { frontier, lowerLines, isCut }: RelaxationTask,
): Graph {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const [plus, minus] = ['plus', 'minus'].map((name) => builder.input(name, 'int32', ['rows']))
  const sample = builder.input(sampleOfRow, 'int32', ['rows'])
  const crop = cropAround(graph, target)
  const analysed = crop?.graph ?? graph
  const input = graph.inputs[0].name
  const samples = intervalContext(graph, builder, roundingOf(settings.rounding), declareKnown(graph, builder, known))
  const slices = builder.input(samplesInOrder, 'int32', ['samples'])
  const context = rowContext(samples, { slice: sample, slices, crop, masksInput: settings.norm !== 'linf' })
  const box = samples.interval(input)
  const minimizeOverBall = (coefficients: string): Minimum => {
    if (settings.norm === 'linf') {
      const bound = emitBoxMinimum(coefficients, box, input, context)
      return { bound, point: emitBoxMinimiser(coefficients, box, input, context) }
    }
    const ball = { norm: settings.norm, ...declareBall(graph, builder), box, clipped: settings.domain === 'intersect' }
    return emitBallMinimum(coefficients, ball, input, context)
  }
  const minimize = (coefficients: string): Minimum => {
    if (!isCut) return minimizeOverBall(coefficients)
    const halfSpace = declareHalfSpace(input, crop !== undefined, context)
    return emitHalfSpaceMinimum(coefficients, halfSpace, minimizeOverBall, box, input, context)
  }
  const share = (node: GraphNode) => {
    const [output] = node.outputs
    const given = builder.input(shareName(output), builder.precision, ['rows', ...shapeOf(output, analysed)])
    return builder.add('Clip', [given, builder.scalar(0), builder.scalar(1)])
  }
  const relax = (lowerLine: LowerLine) =>
    emitRelaxation(
      analysed,
      {
        target,
        rows: { sample, plus, minus, isOneSided: target !== graph.outputs[0].name },
        frontier,
        minimize,
        lowerLine,
        share: lowerLines === 'given and next' ? share : undefined,
      },
      context,
    )
  const relaxation = relax(adaptiveLine)
  const isLarger = target === graph.outputs[0].name && lowerLines !== 'given and next' && hasMaximum(analysed)
  builder.output(
    'bound',
    isLarger ? builder.add('Max', [relaxation.bound, relax(flattestLine).bound]) : relaxation.bound,
  )
  if (lowerLines === 'adaptive') return loopOverGroups(builder.build(), builder)
  emitNextShares(analysed, relaxation, context)
  const coefficients = relaxation.gradients.get(input)
  if (target === graph.outputs[0].name && !crop && coefficients !== undefined) {
    builder.output('coefficients', coefficients)
    builder.output('constant', relaxation.constant)
  }
  return loopOverGroups(builder.build(), builder)
}

/** A step of Frank and Wolfe: every share moves to what would be best if the bound were linear in the shares. */
function emitNextShares(graph: TypedGraph, relaxation: Relaxation, context: RowContext): void {
  const { builder } = context
  if (relaxation.minimiser === undefined) return
  for (const [node, best] of emitSteeper(graph, relaxation, relaxation.minimiser, context)) {
    const share = relaxation.relaxed.get(node)!.share
    builder.output(`${next}${shareName(node.outputs[0])}`, share === undefined ? best : emitStep(share, best, builder))
  }
}

function emitStep(from: string, to: string, builder: GraphBuilder): string {
  const step = builder.once('step', () => builder.input('step', builder.precision, []))
  return builder.add('Add', [from, builder.add('Mul', [step, builder.add('Sub', [to, from])])])
}

/** Whether the better line below depends so much on the row that taking the larger of two bounds pays off. */
function hasMaximum({ nodes }: TypedGraph): boolean {
  return nodes.some((node) => findOperator(node)?.relaxation?.matters !== undefined)
}

/** Declares a graph input when the bounds that it holds are first asked for. */
export function declareKnown(
  graph: TypedGraph,
  builder: GraphBuilder,
  known: Known,
): (value: string) => Interval | undefined {
  return (value) => {
    if (!known.has(value) && value !== graph.inputs[0].name) return undefined
    const shape = ['samples', ...shapeOf(value, graph)]
    const declare = (name: string) => builder.once(name, () => builder.input(name, builder.precision, shape))
    return { lower: declare(lowerName(value)), upper: declare(upperName(value)) }
  }
}

function declareBall(graph: TypedGraph, builder: GraphBuilder): { centre: string; radius: string } {
  const inputShape = shapeOf(graph.inputs[0].name, graph)
  return {
    centre: builder.once('centre', () => builder.input('centre', builder.precision, ['samples', ...inputShape])),
    radius: builder.once('radius', () => builder.input('radius', builder.precision, ['samples'])),
  }
}

/** The half-space of each row. In a crop, what is around it adds at least its own minimum over the box. */
function declareHalfSpace(input: string, isCrop: boolean, context: RowContext): HalfSpace {
  const { builder, samples, rows, numbers } = context
  const names = halfSpaceNames
  const shape = shapeOf(input, samples.graph)
  const whole = builder.once(names.coefficients, () =>
    builder.input(names.coefficients, builder.precision, ['samples', ...shape]),
  )
  const constant = builder.once(names.constant, () => builder.input(names.constant, builder.precision, ['samples']))
  const coefficients = rows(whole, input)
  if (!isCrop) return { coefficients, constant: numbers(constant) }
  const box = samples.interval(input)
  const error = builder.add('Mul', [builder.add('Abs', [constant]), builder.scalar(context.rounding.gamma(8))])
  const least = builder.add('Add', [builder.add('Sub', [constant, error]), emitSumOver(box, whole, shape, -1, context)])
  const within = { lower: rows(box.lower, input), upper: rows(box.upper, input) }
  const inside = emitSumOver(within, coefficients, shapeOf(input, context.graph), 1, context)
  return { coefficients, constant: builder.add('Sub', [numbers(least), inside]) }
}

/** Least Σ coefficients·x over a box with the same layout, rounded down (−1) or up (1). */
function emitSumOver(
  { lower, upper }: Interval,
  coefficients: string,
  shape: readonly number[],
  direction: 1 | -1,
  context: RowContext,
): string {
  const { builder, rounding, sum } = context
  const least = sum(emitBySign(coefficients, lower, upper, context), shape)
  const magnitude = builder.add('Max', [builder.add('Neg', [lower]), upper])
  const size = sum(builder.add('Mul', [builder.add('Abs', [coefficients]), magnitude]), shape)
  const error = builder.add('Mul', [size, builder.scalar(direction * rounding.gamma(context.sumRoundings(shape) + 16))])
  return builder.add('Add', [least, error])
}

export function shapeOf(value: string, graph: TypedGraph): readonly number[] {
  return featureShape(graph.values.get(value)!.shape)!
}
