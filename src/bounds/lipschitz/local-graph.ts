import type { Norm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import { elementCount, featureShape, type Graph, type TypedGraph } from '../../graph/graph.js'
import type { Interval } from '../../operators/operator.js'
import { findOperator } from '../../operators/registry.js'
import { roundingOf } from '../../operators/rounding.js'
import { dualNormsName, isBoundedByBall, lowerName, upperName } from '../../passes/bound-graphs.js'
import { ruleContext } from '../../passes/context.js'
import { emitForward } from '../../passes/forward.js'
import { intervalContext } from '../../passes/interval.js'
import { emitPrefixInterval, emitReachOfBall } from '../../passes/linear-prefix.js'
import { emitSeed } from '../../passes/seed.js'
import type { BallSettings } from '../input-ball.js'
import { emitGradientInterval } from './gradient-interval.js'

/** Name of the graph input with how far a value can move, one number per sample. */
export const movedName = (value: string) => `moved ${value}`

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
 * A graph from inputs, the ball and box around them and rows (sample, label, rival) to `slopes`: for each row a Lipschitz
 * constant of f_label − f_rival over ball and box, the largest dual norm of a gradient within interval bounds.
 */
export function localLipschitzGraph(graph: TypedGraph, settings: BallSettings): Graph {
  const builder = new GraphBuilder(graph.opset)
  const [{ name: input }] = graph.inputs
  const shape = (value: string) => featureShape(graph.values.get(value)!.shape)!
  const perSample = (name: string, value: string) => builder.input(name, 'float32', ['samples', ...shape(value)])
  perSample(input, input)
  const box: Interval = { lower: perSample(lowerName(input), input), upper: perSample(upperName(input), input) }
  const radius = builder.input('radius', 'float32', ['samples'])
  const [sampleOfRow, plus, minus] = ['sampleOfRow', 'plus', 'minus'].map((name) =>
    builder.input(name, 'int32', ['rows']),
  )
  const rounding = roundingOf('covered')
  const forward = emitForward(graph, ruleContext(graph, builder))
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

  /** No element moves by more than the norm of all of them. */
  function emitMoved(value: string): Interval {
    const moved = builder.input(movedName(value), 'float32', ['samples'])
    const column = builder.add('Reshape', [moved, builder.ints([-1, ...shape(value).map(() => 1)])])
    const centre = forward.get(value)!
    // Room for the rounding of the sums below.
    const error = builder.add('Mul', [builder.add('Abs', [centre]), builder.scalar(rounding.gamma(4))])
    const reach = builder.add('Add', [builder.add('Mul', [column, builder.scalar(1 + rounding.gamma(8))]), error])
    return { lower: builder.add('Sub', [centre, reach]), upper: builder.add('Add', [centre, reach]) }
  }

  const context = {
    ...intervalContext(graph, builder, rounding, known),
    rows: (sliced: string) =>
      builder.once(`rows ${sliced}`, () => builder.add('Gather', [sliced, sampleOfRow], { axis: 0 })),
  }
  const seed = emitSeed(plus, minus, shape(graph.outputs[0].name), builder)
  const gradient = emitGradientInterval(graph, seed, context)
  builder.output('slopes', emitDualNorm(gradient, elementCount(shape(input)), settings.norm, builder))
  return builder.build()
}

/** In float64: its rounding is far below that of the gradients. */
function emitDualNorm(gradient: string, width: number, norm: Norm, builder: GraphBuilder): string {
  const flat = builder.add('Reshape', [gradient, builder.ints([-1, width])])
  const wide = builder.add('Cast', [flat], { to: elementTypeNumbers.float64 })
  const axis = builder.ints([1])
  if (norm === 'linf') return builder.add('ReduceSum', [wide, axis], { keepdims: 0 })
  if (norm === 'l1') return builder.add('ReduceMax', [wide, axis], { keepdims: 0 })
  return builder.add('Sqrt', [builder.add('ReduceSum', [builder.add('Mul', [wide, wide]), axis], { keepdims: 0 })])
}
