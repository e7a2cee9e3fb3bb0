import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type GraphNode } from '../../graph/graph.js'
import type { IntervalContext } from '../../operators/operator.js'
import { sampleShape } from '../../operators/samples.js'
import { emitDual, emitFirstMultiplier, emitLargestSum, type Pieces } from './largest-sum.js'
import { slopeIntervals } from './slope-intervals.js'
import { emitNarrow, emitWide, wideScalar } from './wide.js'

/** Context of {@link emitRemainder}: values and intervals have one slice per sample, gradients one per row. */
export interface RemainderContext extends IntervalContext {
  readonly norm: Norm
  /** The value at the sample, in float64; the input of the model in float32. */
  value(value: string): string
  /** One slice per row of something with one per sample. */
  rows(sliced: string): string
}

/**
 * Linear functions of the input of a node in the place of `gradient`, of its output, and what the node can take away from
 * them: at most `fall`, one float64 number per row, wherever the output moves from where it is at the sample.
 */
export interface Remainder {
  readonly gradient: string
  readonly fall: string
}

/** Slopes of each row, and what is left of the node with them. */
export interface Choice {
  readonly pieces: Pieces
  /** In float64, shaped as whoever chooses needs them. */
  readonly slopes: string
  /** What is lost with these slopes besides, [rows]. */
  readonly lost?: string
}

interface Chosen {
  readonly slopes: string
  readonly fall: string
}

/**
 * Slopes that are close to the best for the norm. In ℓ2 they depend on the multiplier of {@link emitDual}, which depends on
 * them: both are improved in turn, and the best of all counts. `weight` is that of the pieces, at most.
 */
export function emitChoice(
  choose: (multiplier: string) => Choice,
  weight: string,
  budget: string,
  rounds: number,
  { norm, builder }: RemainderContext,
): Chosen {
  const none = wideScalar(0, builder)
  const evaluate = ({ slopes, lost }: Choice, bound: string): Chosen => ({
    slopes,
    fall: lost === undefined ? bound : builder.add('Add', [bound, lost]),
  })
  const first = choose(none)
  if (norm !== 'l2') return evaluate(first, emitLargestSum(first.pieces, budget, norm, builder))
  let best = evaluate(first, emitDual(first.pieces, none, budget, norm, builder).bound)
  let multiplier = emitFirstMultiplier(weight, budget, 0.5, builder)
  for (let round = 0; round < rounds; round++) {
    const choice = choose(multiplier)
    const { bound, next } = emitDual(choice.pieces, multiplier, budget, norm, builder)
    const { slopes, fall } = evaluate(choice, bound)
    const isBetter = builder.add('Less', [fall, best.fall])
    const perRow = builder.add('Reshape', [isBetter, builder.ints([-1, 1, 1])])
    best = {
      slopes: builder.add('Where', [perRow, slopes, best.slopes]),
      fall: builder.add('Where', [isBetter, fall, best.fall]),
    }
    multiplier = next
  }
  return best
}

/**
 * Of elementwise operators, whose input moves by at most `budget` [rows]. With `units`, [rows, elements], that is about the
 * input over these, but for what is 0. Undefined where there is no rule.
 */
export function emitElementwiseRemainder(
  node: GraphNode,
  gradient: string,
  budget: string,
  units: string | undefined,
  context: RemainderContext,
): Remainder | undefined {
  const { builder } = context
  const flat = [-1, elementCount(sampleShape(node.inputs[0], node, context)), 1]
  const perRow = (value: string) => builder.add('Reshape', [context.rows(value), builder.ints(flat)])
  const own = emitWide(builder.add('Reshape', [gradient, builder.ints(flat)]), builder)
  const rule = slopeIntervals.get(node.operator)
  if (!rule) return undefined
  const finish = ({ slopes, fall }: Chosen): Remainder => {
    const shape = builder.ints([-1, ...sampleShape(node.inputs[0], node, context)])
    const narrow = emitNarrow(builder.add('Reshape', [slopes, shape]), builder)
    return { gradient: builder.add('Mul', [gradient, narrow]), fall }
  }
  const reach = emitReach(node.inputs[0], perRow, context)
  if (node.operator === 'Relu') {
    const value = emitWide(perRow(context.value(node.inputs[0])), builder)
    const none = wideScalar(0, builder)
    const falling = builder.add('Max', [builder.add('Neg', [own]), none])
    const unit = units ? builder.add('Reshape', [units, builder.ints(flat)]) : wideScalar(1, builder)
    const isMeasured = builder.add('Greater', [unit, none])
    const measured = builder.add('Where', [isMeasured, falling, none])
    const choose = (multiplier: string) => chooseForRelu(measured, value, reach, unit, multiplier, builder)
    const chosen = emitChoice(choose, builder.add('Mul', [measured, unit]), budget, 6, context)
    if (!units) return finish(chosen)
    const farthest = builder.add('Max', [reach.up, reach.down])
    const others = builder.add('Mul', [builder.add('Where', [isMeasured, none, falling]), farthest])
    const rest = builder.add('ReduceSum', [others, builder.ints([1, 2])], { keepdims: 0 })
    return finish({ ...chosen, fall: builder.add('Add', [chosen.fall, rest]) })
  }
  const { lower, upper } = rule(context.interval(node.inputs[0]), node, context)
  const [low, high] = [lower, upper].map((slope) => emitWide(perRow(slope), builder))
  const half = (value: string) => builder.add('Mul', [value, wideScalar(0.5, builder)])
  const pieces = {
    weight: builder.add('Mul', [builder.add('Abs', [own]), half(builder.add('Sub', [high, low]))]),
    offset: wideScalar(0, builder),
    reach: builder.add('Max', [reach.up, reach.down]),
  }
  const slopes = half(builder.add('Add', [low, high]))
  return finish({ slopes, fall: emitLargestSum(pieces, budget, context.norm, builder) })
}

interface Reach {
  readonly up: string
  readonly down: string
}

/** How far each element can move from where it is, in float64. */
export function emitReach(value: string, layOut: (value: string) => string, context: RemainderContext): Reach {
  const { builder } = context
  const { lower, upper } = context.interval(value)
  const [low, centre, high] = [lower, context.value(value), upper].map((name) => emitWide(layOut(name), builder))
  const distance = (from: string, to: string) =>
    builder.add('Max', [builder.add('Sub', [to, from]), wideScalar(0, builder)])
  return { up: distance(centre, high), down: distance(low, centre) }
}

/**
 * relu(v + Δ) − relu(v) is at least Δ where v > 0, else at least 0: positive coefficients lose nothing. With a slope that is
 * s away from that one it is at most s·|Δ| more on the side of v and (1 − s)·|Δ| − |v| more on the other. The best s makes
 * both alike where Δ ends. `falling` has the negative coefficients, without their sign; Δ is measured in `unit`.
 */
function chooseForRelu(
  falling: string,
  value: string,
  reach: Reach,
  unit: string,
  multiplier: string,
  builder: GraphBuilder,
): Choice {
  const scalar = (number: number) => wideScalar(number, builder)
  const isOn = builder.add('Greater', [value, scalar(0)])
  const size = builder.add('Abs', [value])
  const along = builder.add('Where', [isOn, reach.up, reach.down])
  const across = builder.add('Where', [isOn, reach.down, reach.up])
  const positive = (number: string) => builder.add('Max', [number, scalar(1e-200)])
  const unitSquare = builder.add('Mul', [unit, unit])
  const steep = builder.add('Mul', [falling, unitSquare])
  const free = builder.add('Div', [steep, positive(builder.add('Mul', [multiplier, scalar(4)]))])
  const end = positive(builder.add('Min', [across, free]))
  const share = builder.add('Max', [
    builder.add('Sub', [scalar(0.5), builder.add('Mul', [builder.add('Div', [size, end]), scalar(0.5)])]),
    scalar(0),
  ])
  const away = builder.add('Where', [builder.add('Greater', [falling, scalar(0)]), share, scalar(0)])
  const rest = builder.add('Sub', [scalar(1), away])
  const weight = (slope: string) => builder.add('Mul', [builder.add('Mul', [falling, unit]), slope])
  const inUnits = (distance: string) => builder.add('Div', [distance, positive(unit)])
  const both = (one: string, other: string) => builder.add('Concat', [one, other], { axis: 2 })
  return {
    slopes: builder.add('Where', [isOn, rest, away]),
    pieces: {
      weight: both(weight(away), weight(rest)),
      offset: both(builder.add('Mul', [falling, scalar(0)]), builder.add('Mul', [falling, size])),
      reach: both(inUnits(along), inUnits(across)),
    },
  }
}
