import type { AttackNorm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { emitNorm } from './emit-norm.js'
import { type Ball, emitProjection } from './emit-projection.js'
import { emitSign } from './emit-sign.js'
import { emitFeasible, emitFreeDirections } from './free-directions.js'
import { emitSteepest } from './steepest.js'

/** Names of what a step needs to know, in the graph being built. */
export interface AscentStep extends Ball {
  /** Norm of the step, per sample. */
  readonly size: string
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
  const move = builder.add('Mul', [emitSign(builder, gradient), step.size])
  return clip(builder, builder.add('Add', [point, move]), step)
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
  const steepness = builder.add('Abs', [derivative])
  const [, order] = builder.addMany('TopK', [steepness, builder.ints([features])], 2, { axis: 1 })
  const sortedRoom = builder.add('GatherElements', [room, order], { axis: 1 })
  const taken = builder.add('CumSum', [sortedRoom, builder.int(1)], { exclusive: 1 })
  const whole = builder.add('Reshape', [step.size, builder.ints([0, 1])])
  const left = builder.add('Relu', [builder.add('Sub', [whole, taken])])
  const amounts = builder.add('Min', [left, sortedRoom])
  const move = builder.add('ScatterElements', [derivative, order, amounts], { axis: 1 })
  const signed = builder.add('Mul', [move, emitSign(builder, derivative)])
  const like = builder.ints([0, ...step.featureShape])
  return emitProjection(builder, 'l1', builder.add('Add', [point, builder.add('Reshape', [signed, like])]), step)
}

function clip(builder: GraphBuilder, value: string, { lower, upper }: AscentStep): string {
  return builder.add('Min', [builder.add('Max', [value, lower]), upper])
}
