import type { BallSettings } from '../bounds/input-ball.js'
import { GraphBuilder } from '../graph/builder.js'
import { featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import type { Interval, IntervalContext, Line, Lines } from '../operators/operator.js'
import { roundingOf } from '../operators/rounding.js'
import { emitBallMinimum } from './ball-minimum.js'
import { ruleContext } from './context.js'
import { cropAround } from './crop.js'
import { emitCropped, emitCrops, emitMasks, emitRepeated } from './emit-crop.js'
import { intervalContext } from './interval.js'
import { dependenceOnInput, emitBallInterval } from './linear-prefix.js'
import { emitLoose } from './loose.js'
import { emitRelaxation, type Frontier } from './relaxation.js'
import { rowContext } from './row-context.js'
import { emitBoxMinimum } from './row-sums.js'
import { emitSeed } from './seed.js'

/** Names of the graph inputs that hold the bounds of a value. */
export const lowerName = (value: string) => `bound:lower ${value}`
export const upperName = (value: string) => `bound:upper ${value}`
export const dualNormsName = (value: string) => `bound:dual norms ${value}`

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
  const isTarget = (name: string) => name === value && hasDualNorms(graph, value, settings)
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
  if (norm === 'linf') return false
  return dependenceOnInput(value, ruleContext(graph, new GraphBuilder(graph.opset))) !== 'nonlinear'
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
 * and −1 at `minus`, where a position of −1 means none. `sampleOfRow` tells the sample of each row. Where there is a
 * {@link cropAround}, samples are pairs of a sample and a position of the target, and `plus` and `minus` its channels.
 */
export function relaxationGraph(
  graph: TypedGraph,
  target: string,
  known: Known,
  settings: BallSettings,
  frontier: Frontier,
): Graph {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const rowInput = (name: string) => builder.input(name, 'int32', ['rows'])
  const [sampleOfRow, plus, minus] = ['sampleOfRow', 'plus', 'minus'].map(rowInput)
  const crop = cropAround(graph, target)
  const analysed = crop?.graph ?? graph
  const input = graph.inputs[0].name
  const whole = declareKnown(graph, builder, known)
  const declared = crop ? emitCrops(whole, crop, graph, builder) : whole
  const masks = crop && emitMasks(crop, graph, settings.norm !== 'linf', sampleOfRow, builder)
  const context = rowContext(analysed, builder, roundingOf(settings.rounding), declared, sampleOfRow, masks)
  const inputShape = shapeOf(input, analysed)
  const minimize = (coefficients: string) => {
    const box = context.interval(input)
    if (settings.norm === 'linf') return emitBoxMinimum(coefficients, box, inputShape, context)
    const { centre, radius } = declareBall(graph, builder)
    const ball = {
      norm: settings.norm,
      centre: crop ? emitCropped(centre, input, crop, graph, builder) : centre,
      radius: crop ? emitRepeated(radius, crop.positions, builder) : radius,
      box,
      clipped: settings.domain === 'intersect',
    }
    return emitBallMinimum(coefficients, ball, inputShape, context)
  }
  const seed = emitSeed(plus, minus, shapeOf(target, analysed), builder)
  const relax = (lowerLine?: (lines: Lines) => Line) =>
    emitRelaxation(analysed, target, seed, context, minimize, frontier, lowerLine)
  builder.output('bound', target === graph.outputs[0].name ? emitLarger(relax, builder) : relax())
  return builder.build()
}

/**
 * The larger one of two bounds where a maximum follows a Relu or the like: which of the two lines below it suits a
 * maximum better depends on the row. Few rows are final ones, and the two relaxations are the same down to that maximum.
 */
function emitLarger(relax: (lowerLine: (lines: Lines) => Line) => string, builder: GraphBuilder): string {
  let hasChoice = false
  const adaptive = relax(({ lower, flattest }) => {
    hasChoice ||= flattest !== undefined
    return lower
  })
  return hasChoice ? builder.add('Max', [adaptive, relax(({ lower, flattest }) => flattest ?? lower)]) : adaptive
}

/** Declares a graph input when the bounds that it holds are first asked for. */
function declareKnown(graph: TypedGraph, builder: GraphBuilder, known: Known): (value: string) => Interval | undefined {
  return (value) => {
    if (!known.has(value) && value !== graph.inputs[0].name) return undefined
    const shape = ['samples', ...shapeOf(value, graph)]
    return {
      lower: builder.input(lowerName(value), builder.precision, shape),
      upper: builder.input(upperName(value), builder.precision, shape),
    }
  }
}

function declareBall(graph: TypedGraph, builder: GraphBuilder): { centre: string; radius: string } {
  const inputShape = shapeOf(graph.inputs[0].name, graph)
  return {
    centre: builder.once('centre', () => builder.input('centre', builder.precision, ['samples', ...inputShape])),
    radius: builder.once('radius', () => builder.input('radius', builder.precision, ['samples'])),
  }
}

function shapeOf(value: string, graph: TypedGraph): readonly number[] {
  return featureShape(graph.values.get(value)!.shape)!
}
