import { GraphBuilder, type Precision } from '../graph/builder.js'
import type { Graph, GraphNode, TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import { type RoundingMode, roundingOf } from '../operators/rounding.js'
import { declareKnown, type Known, shapeOf } from './bound-graphs.js'
import { ruleContext } from './context.js'
import { emitForward } from './forward.js'
import { intervalContext } from './interval.js'
import { adaptiveLine, emitRelaxation } from './relaxation.js'
import { rowContext } from './row-context.js'
import { sampleOfRow } from './row-loop.js'
import { emitBoxMinimiser, emitBoxMinimum } from './row-sums.js'

/** Outputs of a graph of row functions for the input of a unit. */
export const influenceName = (value: string) => `influence ${value}`
export const atPointName = (value: string) => `at point ${value}`

/**
 * A graph to linear functions of the input, `coefficients` [rows, …] and `constant` [rows], one per row, that are nowhere
 * above the row's own function of `target`: of coefficient 1 at flat position `plus` and −1 at `minus`, where a position
 * of −1 means none. Each row comes with a point of the model's input, under its name: of the lines below a unit it takes
 * the one that is larger there, the steepest where the unit is on and the flattest where it is off. For each value that goes into a
 * unit there is also its influence [rows, …], the coefficients over what the unit makes of it, and the value at the point.
 */
export function rowFunctionsGraph(
  graph: TypedGraph,
  target: string,
  known: Known,
  { rounding, precision }: { readonly rounding: RoundingMode; readonly precision: Precision },
): Graph {
  const builder = new GraphBuilder(graph.opset, precision)
  const [plus, minus] = ['plus', 'minus'].map((name) => builder.input(name, 'int32', ['rows']))
  const sample = builder.input(sampleOfRow, 'int32', ['rows'])
  const samples = intervalContext(graph, builder, roundingOf(rounding), declareKnown(graph, builder, known))
  // Every row counts as a slice of its own.
  const context = rowContext(samples, { slice: sample, slices: sample, masksInput: false })
  const [{ name: input }] = graph.inputs
  builder.input(input, precision, ['rows', ...shapeOf(input, graph)])
  const atPoint = emitForward(graph, ruleContext(graph, builder))
  const share = ({ outputs: [value] }: GraphNode) =>
    asNumber(builder.add('Greater', [atPoint.get(value)!, builder.scalar(0)]), builder)
  const { gradients, constant, relaxed } = emitRelaxation(
    graph,
    {
      target,
      rows: { sample, plus, minus, isOneSided: false },
      frontier: 'input',
      minimize: (coefficients) => ({
        bound: emitBoxMinimum(coefficients, samples.interval(input), input, context),
        point: emitBoxMinimiser(coefficients, samples.interval(input), input, context),
      }),
      lowerLine: adaptiveLine,
      share,
    },
    context,
  )
  builder.output('coefficients', gradients.get(input)!)
  builder.output('constant', constant)
  for (const [{ inputs, outputs }, { hasChoice }] of relaxed) {
    if (!hasChoice) continue
    builder.output(influenceName(inputs[0]), gradients.get(outputs[0])!)
    builder.output(atPointName(inputs[0]), atPoint.get(inputs[0])!)
  }
  return builder.build()
}
