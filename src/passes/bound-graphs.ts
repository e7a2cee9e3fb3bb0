import { GraphBuilder } from '../graph/builder.js'
import { featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import type { Interval, IntervalContext } from '../operators/operator.js'
import { roundingOf } from '../operators/rounding.js'
import type { BallSettings } from './ball-settings.js'
import { ruleContext } from './context.js'
import { intervalContext } from './interval.js'
import { dependenceOnInput, emitBallInterval, isLinearInInput } from './linear-prefix.js'
import { emitLoose } from './loose.js'

/** Names of the graph inputs that hold the bounds of a value. */
export const lowerName = (value: string) => `bound:lower ${value}`
export const upperName = (value: string) => `bound:upper ${value}`
export const dualNormsName = (value: string) => `bound:dual norms ${value}`

/** What a bound graph is given: bounds of these values, besides those of the model's input. */
export type Known = ReadonlySet<string>

/** Name of the output that holds what {@link intervalGraph} found. */
export const found = (input: string) => `found ${input}`

/**
 * A graph from bounds of the input and of `known` values to interval bounds of `values`, named by {@link found} after the inputs
 * that hold them, and to `loose`: the elements of `selected` that are worth bounding more tightly.
 */
export function intervalGraph(
  graph: TypedGraph,
  values: readonly string[],
  selected: string | undefined,
  known: Known,
  settings: BallSettings,
): Graph {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const declared = declareKnown(graph, builder, known)
  const isTarget = (name: string) => values.includes(name) && !known.has(name) && hasDualNorms(graph, name, settings)
  const context: IntervalContext = intervalContext(graph, builder, roundingOf(settings.rounding), (name) =>
    isTarget(name) ? emitPrefixInterval(name, graph, builder, declared, settings) : declared(name),
  )
  for (const value of values) {
    const { lower, upper } = context.interval(value)
    builder.output(found(lowerName(value)), lower)
    builder.output(found(upperName(value)), upper)
  }
  if (selected !== undefined) builder.output('loose', emitLoose(selected, context))
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

export function declareBall(graph: TypedGraph, builder: GraphBuilder): { centre: string; radius: string } {
  const inputShape = shapeOf(graph.inputs[0].name, graph)
  return {
    centre: builder.once('centre', () => builder.input('centre', builder.precision, ['samples', ...inputShape])),
    radius: builder.once('radius', () => builder.input('radius', builder.precision, ['samples'])),
  }
}

export function shapeOf(value: string, graph: TypedGraph): readonly number[] {
  return featureShape(graph.values.get(value)!.shape)!
}
