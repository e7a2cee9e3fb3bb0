import type { AttackNorm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { emitNorm } from './emit-norm.js'
import { emitFeasible, emitFreeDirections } from './free-directions.js'
import { emitSteepest } from './steepest.js'

/** Names of what a step needs to know, in the graph being built. */
export interface AscentStep {
  readonly origin: string
  /** Bounds of every coordinate: the domain, for ℓ∞ within the ball. */
  readonly lower: string
  readonly upper: string
  /** Radius of the ball around the origin, per sample. */
  readonly epsilon: string
  /** Norm of the step, per sample. */
  readonly size: string
  readonly featureShape: readonly number[]
}

/**
 * Emits one step of steepest ascent in ℓp, p ≥ 1, from `point` along `gradient`, and the projection onto ball and domain
 * (straight towards the origin for p other than 1, 2 and ∞). A sample whose gradient is zero does not move.
 */
export function emitAscent(
  builder: GraphBuilder,
  norm: AttackNorm,
  point: string,
  gradient: string,
  step: AscentStep,
): string {
  if (norm === 'linf') return ascendLinf(builder, point, gradient, step)
  if (norm === 'l1') return ascendL1(builder, point, gradient, step)
  const axes = step.featureShape.map((_, axis) => axis + 1)
  const free = emitFreeDirections(builder, point, step.lower, step.upper)
  const { direction } = emitSteepest(builder, norm, emitFeasible(builder, gradient, free), axes)
  const moved = builder.add('Add', [point, builder.add('Mul', [direction, step.size])])
  const displacement = builder.add('Sub', [moved, step.origin])
  const perSample = builder.ints([0, ...axes.map(() => 1)])
  const length = builder.add('Reshape', [emitNorm(builder, norm, displacement, step.featureShape), perSample])
  const shrink = builder.add('Div', [step.epsilon, builder.add('Max', [length, step.epsilon])])
  return clip(builder, builder.add('Add', [step.origin, builder.add('Mul', [displacement, shrink])]), step)
}

function ascendLinf(builder: GraphBuilder, point: string, gradient: string, step: AscentStep): string {
  // A steep ramp is the sign, and faster than Sign.
  const steep = builder.add('Mul', [gradient, builder.scalar(1e38)])
  const sign = builder.add('Clip', [steep, builder.scalar(-1), builder.scalar(1)])
  return clip(builder, builder.add('Add', [point, builder.add('Mul', [sign, step.size])]), step)
}

// Steepest ascent in l1 puts all of the step on the coordinate with the largest derivative, and what the domain
// leaves no room for on the next ones.
function ascendL1(builder: GraphBuilder, point: string, gradient: string, step: AscentStep): string {
  const features = elementCount(step.featureShape)
  const flat = (value: string) => builder.add('Reshape', [value, builder.ints([0, features])])
  const room = flat(
    builder.add('Where', [
      builder.add('Greater', [gradient, builder.scalar(0)]),
      builder.add('Sub', [step.upper, point]),
      builder.add('Sub', [point, step.lower]),
    ]),
  )
  const derivative = flat(gradient)
  const [, order] = sortDown(builder, builder.add('Abs', [derivative]), features)
  const sortedRoom = builder.add('GatherElements', [room, order], { axis: 1 })
  const taken = builder.add('CumSum', [sortedRoom, builder.int(1)], { exclusive: 1 })
  const left = builder.add('Relu', [builder.add('Sub', [flatten(builder, step.size), taken])])
  const amounts = builder.add('Min', [left, sortedRoom])
  const move = builder.add('ScatterElements', [derivative, order, amounts], { axis: 1 })
  const signed = builder.add('Mul', [move, builder.add('Sign', [derivative])])
  const like = builder.ints([0, ...step.featureShape])
  const moved = builder.add('Add', [point, builder.add('Reshape', [signed, like])])
  const displacement = flat(builder.add('Sub', [clip(builder, moved, step), step.origin]))
  const projected = builder.add('Reshape', [projectL1(builder, displacement, step, features), like])
  return clip(builder, builder.add('Add', [step.origin, projected]), step)
}

/** Duchi et al., "Efficient projections onto the l1-ball", ICML 2008: every coordinate shrinks by the same threshold. */
function projectL1(builder: GraphBuilder, displacement: string, { epsilon }: AscentStep, features: number): string {
  const sizes = builder.add('Abs', [displacement])
  const [sorted] = sortDown(builder, sizes, features)
  const excess = builder.add('Sub', [builder.add('CumSum', [sorted, builder.int(1)]), flatten(builder, epsilon)])
  const ranks = builder.once('ranks', () => builder.floats(Array.from({ length: features }, (_, index) => index + 1)))
  const thresholds = builder.add('Div', [excess, ranks])
  const threshold = builder.add('Relu', [builder.add('ReduceMax', [thresholds, builder.ints([1])])])
  const shrunk = builder.add('Relu', [builder.add('Sub', [sizes, threshold])])
  return builder.add('Mul', [shrunk, builder.add('Sign', [displacement])])
}

function sortDown(builder: GraphBuilder, values: string, count: number): string[] {
  return builder.addMany('TopK', [values, builder.ints([count])], 2, { axis: 1 })
}

function flatten(builder: GraphBuilder, perSample: string): string {
  return builder.add('Reshape', [perSample, builder.ints([0, 1])])
}

function clip(builder: GraphBuilder, value: string, { lower, upper }: AscentStep): string {
  return builder.add('Min', [builder.add('Max', [value, lower]), upper])
}
