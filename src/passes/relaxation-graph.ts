import { GraphBuilder } from '../graph/builder.js'
import type { Graph, GraphNode, TypedGraph } from '../graph/graph.js'
import { emitBySign } from '../operators/lines.js'
import type { Interval, RowContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { type RoundingMode, roundingOf } from '../operators/rounding.js'
import { emitBallMinimum } from './ball-minimum.js'
import type { BallSettings } from './ball-settings.js'
import { declareBall, declareKnown, type Known, looseName, shapeOf } from './bound-graphs.js'
import { nonlinearInputs } from './bounded-values.js'
import { cropAround } from './crop.js'
import { emitHalfSpaceMinimum, type HalfSpace } from './half-space-minimum.js'
import { intervalContext } from './interval.js'
import { emitLoose } from './loose.js'
import {
  adaptiveLine,
  emitRelaxation,
  type Frontier,
  flattestLine,
  type LowerLine,
  type Relaxation,
  steepestLine,
} from './relaxation.js'
import { rowContext } from './row-context.js'
import { loopOverGroups, sampleOfRow, samplesInOrder } from './row-loop.js'
import { emitBoxMinimiser, emitBoxMinimum, type Minimum } from './row-sums.js'
import { emitShares, type Shares } from './share-search.js'

export interface RelaxationTask {
  readonly frontier: Frontier
  /** Steps of the lower lines from CROWN's on; 0 for these alone. */
  readonly steps: number
  /** Whether the ball is cut by a half-space per sample, coefficients·x + constant ≤ 0. */
  readonly isCut: boolean
  /** `functions`: those of the model's outputs too, and what else cutting the balls takes. */
  readonly gives: 'bounds' | 'functions'
}

export const halfSpaceNames = { coefficients: 'half-space:coefficients', constant: 'half-space:constant' }

/** Names of the outputs of {@link lineFunctionsGraph}, which has the later ones where nodes have a choice of lines. */
export const lineFunctionNames = ['adaptive', 'flattest', 'steepest'].map((line) => ({
  bound: `bound ${line}`,
  coefficients: `coefficients ${line}`,
  constant: `constant ${line}`,
}))

/**
 * A graph to a lower bound `bound` of one linear function of `target` per row: of coefficient 1 at flat position `plus`
 * and −1 at `minus`, where a position of −1 means none; before the model's output, rows have one of both. `sampleOfRow`
 * tells the sample of each row. If asked for, also `coefficients` and `constant` of linear functions of the input that the
 * model's outputs are above, and the {@link looseName} of what goes into nonlinear nodes. Where there is a
 * {@link cropAround}, samples are pairs of a sample and a position of the target, and `plus` and `minus` its channels.
 */
export function relaxationGraph(
  graph: TypedGraph,
  target: string,
  known: Known,
  settings: BallSettings,
  { frontier, steps, isCut, gives }: RelaxationTask,
): Graph {
  const rows = declareRows(graph, target, known, settings, isCut)
  const { builder, crop, analysed, relax } = rows
  const context = rows.contextFor(settings.rounding)
  const isOutput = target === graph.outputs[0].name
  const found = [relax(context, frontier, adaptiveLine)]
  if (isOutput && hasMaximum(analysed)) found.push(relax(context, frontier, flattestLine))
  if (steps > 0) {
    // The search may be inexact: what it finds is bounded with all that rounds.
    const search = rows.contextFor('ignored')
    const relaxExactly = (shares?: Shares) => relax(search, frontier, adaptiveLine, shares)
    for (const shares of emitShares(analysed, relaxExactly, steps, search)) {
      const clip = (share: string) => builder.add('Clip', [share, builder.scalar(0), builder.scalar(1)])
      const clipped = new Map([...shares].map(([node, share]) => [node, clip(share)]))
      found.push(relax(context, frontier, adaptiveLine, clipped))
    }
  }
  const [{ name: input }] = graph.inputs
  const best = found
    .map((relaxation) => functionOf(relaxation, input))
    .reduce((one, other) => emitLarger(one, other, context, input))
  builder.output('bound', best.bound)
  if (gives === 'functions' && isOutput && !crop && best.coefficients !== undefined) {
    builder.output('coefficients', best.coefficients)
    builder.output('constant', best.constant)
    for (const value of nonlinearInputs(graph)) builder.output(looseName(value), emitLoose(value, context.samples))
  }
  return loopOverGroups(builder.build(), builder)
}

/**
 * A graph to several linear functions of the input for each row of logits that it is nowhere below, under
 * {@link lineFunctionNames}: with CROWN's lower lines and, where nodes have a choice, with the flattest and the steepest.
 */
export function lineFunctionsGraph(graph: TypedGraph, known: Known, settings: BallSettings, isCut: boolean): Graph {
  const { builder, relax, contextFor } = declareRows(graph, graph.outputs[0].name, known, settings, isCut)
  const context = contextFor(settings.rounding)
  const [{ name: input }] = graph.inputs
  for (const [index, line] of [adaptiveLine, flattestLine, steepestLine].entries()) {
    const relaxation = relax(context, 'input', line)
    const { bound, coefficients, constant } = functionOf(relaxation, input)
    if (coefficients === undefined) break
    const names = lineFunctionNames[index]
    builder.output(names.bound, bound)
    builder.output(names.coefficients, coefficients)
    builder.output(names.constant, constant)
    if (![...relaxation.relaxed.values()].some(({ hasChoice }) => hasChoice)) break
  }
  return loopOverGroups(builder.build(), builder)
}

/** Rows over a ball for each sample, with the inputs of a graph for them. */
function declareRows(graph: TypedGraph, target: string, known: Known, settings: BallSettings, isCut: boolean) {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const [plus, minus] = ['plus', 'minus'].map((name) => builder.input(name, 'int32', ['rows']))
  const sample = builder.input(sampleOfRow, 'int32', ['rows'])
  const slices = builder.input(samplesInOrder, 'int32', ['samples'])
  const crop = cropAround(graph, target)
  const analysed = crop?.graph ?? graph
  const [{ name: input }] = graph.inputs
  const declared = declareKnown(graph, builder, known)
  const rows = { sample, plus, minus, isOneSided: target !== graph.outputs[0].name }
  const layout = { slice: sample, slices, crop, masksInput: settings.norm !== 'linf' }
  const contextFor = (rounding: RoundingMode): RowContext =>
    rowContext(intervalContext(graph, builder, roundingOf(rounding), declared), layout)
  const minimizeOverBall = (coefficients: string, context: RowContext): Minimum => {
    const box = context.samples.interval(input)
    if (settings.norm === 'linf') {
      const bound = emitBoxMinimum(coefficients, box, input, context)
      return { bound, point: emitBoxMinimiser(coefficients, box, input, context) }
    }
    const ball = { norm: settings.norm, ...declareBall(graph, builder), box, clipped: settings.domain === 'intersect' }
    return emitBallMinimum(coefficients, ball, input, context)
  }
  const minimize = (coefficients: string, context: RowContext): Minimum => {
    if (!isCut) return minimizeOverBall(coefficients, context)
    const surrounding = {
      minimize: (sums: string) => minimizeOverBall(sums, context),
      box: context.samples.interval(input),
      isBox: settings.norm === 'linf',
    }
    const halfSpace = declareHalfSpace(input, crop !== undefined, context)
    return emitHalfSpaceMinimum(coefficients, halfSpace, surrounding, input, context)
  }
  const relax = (context: RowContext, frontier: Frontier, lowerLine: LowerLine, shares?: Shares): Relaxation => {
    const share = (node: GraphNode) => shares?.get(node)
    const request = { target, rows, frontier, lowerLine, share, minimize: (sums: string) => minimize(sums, context) }
    return emitRelaxation(analysed, request, context)
  }
  return { builder, crop, analysed, contextFor, relax }
}

/** A lower bound of each row, and the linear function of the input whose minimum it is; names in the built graph. */
interface RowFunction {
  readonly bound: string
  readonly constant: string
  /** Missing where the input has no influence. */
  readonly coefficients?: string
}

function functionOf({ bound, constant, gradients }: Relaxation, input: string): RowFunction {
  return { bound, constant, coefficients: gradients.get(input) }
}

/** Of two functions the one with the larger bound, row by row; NaN is not larger. */
function emitLarger(one: RowFunction, other: RowFunction, { builder, shape }: RowContext, input: string): RowFunction {
  const isLarger = builder.add('Greater', [other.bound, one.bound])
  const column = () =>
    builder.add('Reshape', [
      isLarger,
      builder.ints([
        -1,
        ...shape(input)!
          .slice(1)
          .map(() => 1),
      ]),
    ])
  return {
    bound: builder.add('Where', [isLarger, other.bound, one.bound]),
    constant: builder.add('Where', [isLarger, other.constant, one.constant]),
    coefficients:
      one.coefficients && other.coefficients && builder.add('Where', [column(), other.coefficients, one.coefficients]),
  }
}

/** Whether the better line below depends so much on the row that taking the larger of two bounds pays off. */
function hasMaximum({ nodes }: TypedGraph): boolean {
  return nodes.some((node) => findOperator(node)?.relaxation?.matters !== undefined)
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
