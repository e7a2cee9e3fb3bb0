import type { BallSettings } from '../bounds/input-ball.js'
import { roundingOf } from '../bounds/rounding.js'
import { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import type { Interval } from '../operators/operator.js'
import { emitBallMinimum } from './ball-minimum.js'
import { intervalContext } from './interval.js'
import { emitLoose } from './loose.js'
import { emitRelaxation, type Frontier } from './relaxation.js'
import { relaxationContext } from './relaxation-context.js'

/** Names of the graph inputs that hold the bounds of a value. */
export const lowerName = (value: string) => `bound:lower ${value}`
export const upperName = (value: string) => `bound:upper ${value}`

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
  const context = intervalContext(graph, builder, roundingOf(settings.rounding), declareKnown(graph, builder, known))
  const { lower, upper } = context.interval(value)
  builder.output('lower', lower)
  builder.output('upper', upper)
  if (selects) builder.output('loose', emitLoose(value, context))
  return builder.build()
}

/**
 * A graph to a lower bound `bound` of one linear function of `target` per row: of coefficient 1 at flat position `plus`
 * and −1 at `minus`, where a position of −1 means none. `sampleOfRow` tells the sample of each row.
 */
export function relaxationGraph(
  graph: TypedGraph,
  target: string,
  known: Known,
  settings: BallSettings,
  frontier: Frontier,
): Graph {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const rowInput = (name: string) => builder.input(name, 'int64', ['rows'])
  const [sampleOfRow, plus, minus] = ['sampleOfRow', 'plus', 'minus'].map(rowInput)
  const declared = declareKnown(graph, builder, known)
  const context = relaxationContext(graph, builder, roundingOf(settings.rounding), declared, sampleOfRow)
  const shape = featureShape(graph.values.get(target)!.shape)!
  const inputName = graph.inputs[0].name
  const inputShape = featureShape(graph.values.get(inputName)!.shape)!
  const minimize = (coefficients: string) => {
    const needsBall = settings.norm !== 'linf'
    const ball = {
      norm: settings.norm,
      centre: needsBall ? builder.input('centre', settings.precision, ['samples', ...inputShape]) : '',
      radius: needsBall ? builder.input('radius', settings.precision, ['samples']) : '',
      box: context.interval(inputName),
      clipped: settings.domain === 'intersect',
    }
    return emitBallMinimum(coefficients, ball, inputShape, context)
  }
  const seed = emitSeed(plus, minus, shape, builder)
  builder.output('bound', emitRelaxation(graph, target, seed, context, minimize, frontier))
  return builder.build()
}

/** Declares a graph input when the bounds that it holds are first asked for. */
function declareKnown(graph: TypedGraph, builder: GraphBuilder, known: Known): (value: string) => Interval | undefined {
  return (value) => {
    if (!known.has(value) && value !== graph.inputs[0].name) return undefined
    const shape = ['samples', ...featureShape(graph.values.get(value)!.shape)!]
    return {
      lower: builder.input(lowerName(value), builder.precision, shape),
      upper: builder.input(upperName(value), builder.precision, shape),
    }
  }
}

function emitSeed(plus: string, minus: string, shape: readonly number[], builder: GraphBuilder): string {
  const positions = builder.ints(Array.from({ length: elementCount(shape) }, (_, position) => position))
  const oneHot = (position: string) => {
    const column = builder.add('Unsqueeze', [position, builder.ints([1])])
    const type = builder.precision === 'float32' ? 1 : 11
    return builder.add('Cast', [builder.add('Equal', [column, positions])], { to: type })
  }
  const flat = builder.add('Sub', [oneHot(plus), oneHot(minus)])
  return builder.add('Reshape', [flat, builder.ints([0, ...shape])])
}
