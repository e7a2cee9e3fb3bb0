import { GraphBuilder } from '../graph/builder.js'
import { featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import type { Interval, IntervalContext } from '../operators/operator.js'
import { roundingOf } from '../operators/rounding.js'
import type { BallSettings } from './ball-settings.js'
import { intervalContext } from './interval.js'
import { dependenceOnInput, emitPrefixInterval, emitReachOfBall, isLinearInInput } from './linear-prefix.js'
import { emitLoose } from './loose.js'
import { emitReachInBox, hasReachInBox, type Surroundings } from './reach-in-box.js'
import { emitIntervalThroughRelu, throughRelu } from './through-relu.js'

/** Names of the graph inputs that hold the bounds of a value. */
export const lowerName = (value: string) => `bound:lower ${value}`
export const upperName = (value: string) => `bound:upper ${value}`
export const dualNormsName = (value: string) => `bound:dual norms ${value}`
/** Name of the graph output that holds which elements of a value are worth bounding more tightly. */
export const looseName = (value: string) => `loose ${value}`

/** What a bound graph is given: bounds of these values, besides those of the model's input. */
export type Known = ReadonlySet<string>

/** Name of the output that holds what {@link intervalGraph} found. */
export const found = (input: string) => `found ${input}`

/**
 * A graph from bounds of the input and of `known` values to interval bounds of `values`, named by {@link found} after the inputs
 * that hold them, and to the {@link looseName} of `selected`: which of its elements are worth bounding more tightly.
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
  const tighter = new Map<string, Interval>()
  const contextWithout = (target?: string): IntervalContext =>
    intervalContext(graph, builder, roundingOf(settings.rounding), (name) => {
      if (name === target || !values.includes(name) || known.has(name)) return declared(name)
      const interval = tighter.get(name) ?? emitTighter(name, contextWithout(name), settings)
      tighter.set(name, interval)
      return interval
    })
  const context = contextWithout()
  for (const value of values) {
    const { lower, upper } = context.interval(value)
    builder.output(found(lowerName(value)), lower)
    builder.output(found(upperName(value)), upper)
  }
  if (selected !== undefined) builder.output(looseName(selected), emitLoose(selected, context))
  return builder.build()
}

/** Whether what a ball says about a value, besides the box around it, comes from its coefficients over the input. */
export function isBoundedByBall(graph: TypedGraph, value: string, { norm }: BallSettings): boolean {
  return norm !== 'linf' && isLinearInInput(value, graph)
}

/** Whether the interval graph takes the dual norms of these coefficients as an input. */
export function needsDualNorms(graph: TypedGraph, value: string, settings: BallSettings): boolean {
  return isBoundedByBall(graph, value, settings) && !hasReachInBox(graph, value, settings)
}

/** Whether the interval graph bounds a value so well that linear relaxation would hardly improve it. */
export function isExactInterval(graph: TypedGraph, value: string, settings: BallSettings): boolean {
  const dependence = dependenceOnInput(graph, value)
  if (settings.norm !== 'linf') {
    return dependence !== 'nonlinear' && (settings.domain === 'ignore' || hasReachInBox(graph, value, settings))
  }
  return dependence === 'element by element' || dependence === 'one mixing step'
}

/** Interval arithmetic for a value, and what is better known of it from its coefficients over the input. */
function emitTighter(value: string, context: IntervalContext, settings: BallSettings): Interval {
  const { builder, graph } = context
  const [{ name: input }] = graph.inputs
  const around = (): Surroundings => {
    const box = context.interval(input)
    return settings.norm === 'l2'
      ? { box, ...declareBall(graph, builder) }
      : { box, centre: declareCentre(graph, builder) }
  }
  const intervals = [context.interval(value)]
  if (isBoundedByBall(graph, value, settings)) {
    const { centre, radius } = declareBall(graph, builder)
    const reach = hasReachInBox(graph, value, settings)
      ? emitReachInBox(value, around(), context)
      : emitReachOfBall(value, radius, declareDualNorms(value, graph, builder), context)
    intervals.push(emitPrefixInterval(value, centre, reach, context))
  }
  const through = settings.norm === 'l1' ? undefined : throughRelu(graph, value)
  if (through) intervals.push(emitIntervalThroughRelu(value, through, around(), context))
  const all = (operator: string, ends: string[]) => (ends.length > 1 ? builder.add(operator, ends) : ends[0])
  return {
    lower: all(
      'Max',
      intervals.map(({ lower }) => lower),
    ),
    upper: all(
      'Min',
      intervals.map(({ upper }) => upper),
    ),
  }
}

function declareDualNorms(value: string, graph: TypedGraph, builder: GraphBuilder): string {
  return builder.input(dualNormsName(value), builder.precision, [1, ...shapeOf(value, graph)])
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
  return {
    centre: declareCentre(graph, builder),
    radius: builder.once('radius', () => builder.input('radius', builder.precision, ['samples'])),
  }
}

function declareCentre(graph: TypedGraph, builder: GraphBuilder): string {
  const inputShape = shapeOf(graph.inputs[0].name, graph)
  return builder.once('centre', () => builder.input('centre', builder.precision, ['samples', ...inputShape]))
}

export function shapeOf(value: string, graph: TypedGraph): readonly number[] {
  return featureShape(graph.values.get(value)!.shape)!
}
