import type { Norm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, featureShape, type Graph, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import type { Interval } from '../../operators/operator.js'
import { noBoundRule } from '../../operators/refuse.js'
import { findOperator } from '../../operators/registry.js'
import { roundingOf } from '../../operators/rounding.js'
import type { BallSettings } from '../../passes/ball-settings.js'
import { dualNormsName, isBoundedByBall, lowerName, upperName } from '../../passes/bound-graphs.js'
import { ruleContext } from '../../passes/context.js'
import { intervalContext } from '../../passes/interval.js'
import { emitPrefixInterval, emitReachOfBall } from '../../passes/linear-prefix.js'
import { emitSeed } from '../../passes/seed.js'
import type { FallingUnits } from './falling-units.js'
import { emitLargestSum } from './largest-sum.js'
import { emitPoolRemainder } from './pool-remainder.js'
import { isPool } from './pools-first.js'
import { emitElementwiseRemainder, emitReach, type Remainder, type RemainderContext } from './remainders.js'
import type { TileDetails } from './tile-details.js'
import { emitNarrow, emitWide, wideScalar } from './wide.js'

/** Name of the graph input with a value at the sample, in float64. */
export const centreName = (value: string) => `value ${value}`
/** Name of the graph input with how far a value can move, one number per sample. */
export const movedName = (value: string) => `moved ${value}`
/** Name of the graph input with how far what a node makes of its input can move, as its remainder measures that. */
export const budgetName = (output: string) => `budget ${output}`
/** Name of the graph input with what the Relus before a value are measured in, per row and unit; see {@link FallingUnits}. */
export const unitsName = (output: string) => `units ${output}`
/** Name of the graph input with what rounding can do to a value and its coefficients, per unit of the dual norm of these. */
export const errorName = (value: string) => `rounding errors ${value}`

/** Values whose bounds decide about slopes: what goes into operators that are not linear. */
export function nonlinearInputs(graph: TypedGraph): string[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const nonlinear = graph.nodes.filter(
    (node) =>
      node.outputs.some((output) => context.isActivation(output)) && !findOperator(node)?.linear?.(node, context),
  )
  return [...new Set(nonlinear.flatMap(({ inputs }) => inputs.filter((input) => context.isActivation(input))))]
}

/**
 * A graph from inputs, the ball and box around them and rows (sample, label, rival) to `falls`: how far
 * f_label − f_rival of each row can fall below what it is at the inputs, over ball and box. docs/bounds.md has
 * the derivation.
 * @throws UnsupportedOperatorError for an operator without a rule.
 */
export function localLipschitzGraph(
  graph: TypedGraph,
  details: ReadonlyMap<GraphNode, TileDetails>,
  weighted: string | undefined,
  settings: BallSettings,
): Graph {
  const builder = new GraphBuilder(graph.opset)
  const [{ name: input }] = graph.inputs
  const [{ name: logits }] = graph.outputs
  const shape = (value: string) => featureShape(graph.values.get(value)!.shape)!
  const perSample = (name: string, value: string) => builder.input(name, 'float32', ['samples', ...shape(value)])
  perSample(input, input)
  const box: Interval = { lower: perSample(lowerName(input), input), upper: perSample(upperName(input), input) }
  const radius = builder.input('radius', 'float32', ['samples'])
  const [sampleOfRow, plus, minus] = ['sampleOfRow', 'plus', 'minus'].map((name) =>
    builder.input(name, 'int32', ['rows']),
  )
  const rounding = roundingOf('covered')
  const targets = new Set(nonlinearInputs(graph))
  const refined = new Map<string, Interval>([[input, box]])

  const known = (value: string): Interval | undefined => {
    const found = refined.get(value)
    if (found || !targets.has(value)) return found
    const context = intervalContext(graph, builder, rounding, (name) => (name === value ? undefined : known(name)))
    const moved = emitMoved(value)
    const intervals = [moved, emitKnown(context.interval(value), moved)]
    if (isBoundedByBall(graph, value, settings)) {
      const dualNorms = builder.input(dualNormsName(value), 'float32', [1, ...shape(value)])
      const reach = emitReachOfBall(value, radius, dualNorms, context)
      intervals.push(emitKnown(emitPrefixInterval(value, input, reach, context), moved))
    }
    const interval = {
      lower: builder.add(
        'Max',
        intervals.map(({ lower }) => lower),
      ),
      upper: builder.add(
        'Min',
        intervals.map(({ upper }) => upper),
      ),
    }
    refined.set(value, interval)
    return interval
  }

  /** Interval arithmetic may overflow and then give NaN, which no comparison would notice. */
  function emitKnown(interval: Interval, fallback: Interval): Interval {
    const replace = (bound: string, other: string) =>
      builder.add('Where', [builder.add('IsNaN', [bound]), other, bound])
    return { lower: replace(interval.lower, fallback.lower), upper: replace(interval.upper, fallback.upper) }
  }

  function emitCentre(value: string): string {
    if (value === input) return input
    return builder.once(centreName(value), () =>
      builder.input(centreName(value), 'float64', ['samples', ...shape(value)]),
    )
  }

  /** No element moves by more than the norm of all of them. */
  function emitMoved(value: string): Interval {
    const moved = builder.input(movedName(value), 'float32', ['samples'])
    const column = builder.add('Reshape', [moved, builder.ints([-1, ...shape(value).map(() => 1)])])
    const centre = emitNarrow(emitCentre(value), builder)
    // Room for the rounding of the centre and of the sums below.
    const error = builder.add('Mul', [builder.add('Abs', [centre]), builder.scalar(rounding.gamma(4))])
    const reach = builder.add('Add', [builder.add('Mul', [column, builder.scalar(1 + rounding.gamma(8))]), error])
    return { lower: builder.add('Sub', [centre, reach]), upper: builder.add('Add', [centre, reach]) }
  }

  const context: RemainderContext = {
    ...intervalContext(graph, builder, rounding, known),
    norm: settings.norm,
    value: emitCentre,
    rows: (sliced) => builder.once(`rows ${sliced}`, () => builder.add('Gather', [sliced, sampleOfRow], { axis: 0 })),
  }
  /** A number per sample that is given to the graph, for each row. */
  const numbers = (name: string) => context.rows(builder.once(name, () => builder.input(name, 'float64', ['samples'])))
  const falls: string[] = []
  const pay = (value: string, gradient: string) => {
    const size = emitDualNorm(gradient, elementCount(shape(value)), settings.norm, builder)
    falls.push(builder.add('Mul', [size, numbers(errorName(value))]))
  }
  const gradients = new Map([[logits, emitSeed(plus, minus, shape(logits), builder)]])
  for (const node of graph.nodes.toReversed()) {
    const arriving = node.outputs.map((output) => gradients.get(output))
    if (arriving.every((gradient) => gradient === undefined)) continue
    arriving.forEach((gradient, index) => gradient && pay(node.outputs[index], gradient))
    const linear = findOperator(node)?.linear?.(node, context)
    const leaving = linear ? linear.transpose(node, arriving, context) : [emitNonlinear(node, arriving)]
    leaving.forEach((gradient, index) => {
      const value = node.inputs[index]
      if (gradient === undefined || !context.isActivation(value)) return
      const before = gradients.get(value)
      const sum = before === undefined ? gradient : builder.add('Add', [before, gradient])
      gradients.set(value, sum)
      if (before !== undefined) pay(value, sum)
    })
  }

  function emitNonlinear(node: GraphNode, [gradient, ...others]: readonly (string | undefined)[]): string {
    if (!gradient || others.some(Boolean)) throw noBoundRule(node)
    const [output] = node.outputs
    const isWeighted = output === weighted
    const budget = isWeighted ? builder.input(budgetName(output), 'float64', ['rows']) : numbers(budgetName(output))
    const units = isWeighted ? builder.input(unitsName(output), 'float64', ['rows', ...shape(output)]) : undefined
    const remainder: Remainder | undefined = isPool(node)
      ? emitPoolRemainder(node, gradient, budget, details.get(node), context)
      : emitElementwiseRemainder(node, gradient, budget, units, context)
    if (!remainder) throw noBoundRule(node)
    falls.push(remainder.fall)
    return remainder.gradient
  }

  /** Of the input itself, which box and ball limit. */
  function emitInputFall(gradient: string): string {
    const flat = builder.ints([-1, elementCount(shape(input)), 1])
    const own = emitWide(builder.add('Reshape', [gradient, flat]), builder)
    const reach = emitReach(input, (value) => context.rows(builder.add('Reshape', [value, flat])), context)
    const pieces = {
      weight: builder.add('Abs', [own]),
      offset: wideScalar(0, builder),
      reach: builder.add('Where', [builder.add('Greater', [own, wideScalar(0, builder)]), reach.down, reach.up]),
    }
    return emitLargestSum(pieces, emitWide(context.rows(radius), builder), settings.norm, builder)
  }

  const last = gradients.get(input)
  if (last) falls.push(emitInputFall(last))
  const none = builder.add('Mul', [emitWide(context.rows(radius), builder), wideScalar(0, builder)])
  builder.output(
    'falls',
    falls.reduce((sum, fall) => builder.add('Add', [sum, fall]), none),
  )
  return builder.build()
}

/** In float64: its rounding is far below that of the gradients. */
function emitDualNorm(gradient: string, width: number, norm: Norm, builder: GraphBuilder): string {
  const flat = emitWide(builder.add('Reshape', [gradient, builder.ints([-1, width])]), builder)
  const axis = builder.ints([1])
  const size = builder.add('Abs', [flat])
  if (norm === 'linf') return builder.add('ReduceSum', [size, axis], { keepdims: 0 })
  if (norm === 'l1') return builder.add('ReduceMax', [size, axis], { keepdims: 0 })
  return builder.add('Sqrt', [builder.add('ReduceSum', [builder.add('Mul', [flat, flat]), axis], { keepdims: 0 })])
}
