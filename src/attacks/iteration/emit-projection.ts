import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import type { AscentStep } from './ascent.js'

/** Emits the projection of `point` onto ball and domain: for ℓ2 first onto the one, then onto the other. */
export function emitProjection(
  builder: GraphBuilder,
  norm: Norm,
  point: string,
  step: Omit<AscentStep, 'size'>,
): string {
  const clip = (value: string) => builder.add('Min', [builder.add('Max', [value, step.lower]), step.upper])
  if (norm === 'linf') return clip(point)
  const displacement = builder.add('Sub', [point, step.origin])
  const projected = norm === 'l2' ? projectL2(builder, displacement, step) : projectL1(builder, displacement, step)
  return clip(builder.add('Add', [step.origin, projected]))
}

type Ball = Omit<AscentStep, 'size'>

function projectL2(builder: GraphBuilder, displacement: string, { epsilon, featureShape }: Ball): string {
  const axes = builder.ints(featureShape.map((_, axis) => axis + 1))
  const length = builder.add('Max', [builder.add('ReduceL2', [displacement, axes]), epsilon])
  return builder.add('Mul', [displacement, builder.add('Div', [epsilon, length])])
}

/**
 * Exact projection onto the part of the ℓ1 ball that is in the domain: every coordinate shrinks by the same threshold,
 * but none to less than zero and none stays beyond its bound. Croce and Hein, "Mind the box: ℓ1-APGD for sparse
 * adversarial attacks on image classifiers", ICML 2021, Proposition 2.1.
 */
function projectL1(builder: GraphBuilder, displacement: string, step: Ball): string {
  const { origin, lower, upper, epsilon, featureShape } = step
  const features = elementCount(featureShape)
  const flat = (value: string) => builder.add('Reshape', [value, builder.ints([0, features])])
  const room = flat(
    builder.add('Where', [
      builder.add('Greater', [displacement, builder.scalar(0)]),
      builder.add('Sub', [upper, origin]),
      builder.add('Sub', [origin, lower]),
    ]),
  )
  const moved = flat(displacement)
  const sizes = builder.add('Abs', [moved])
  // As the threshold falls, a coordinate starts to grow at its size and stops growing when it fills its room.
  const ends = builder.add('Sub', [sizes, room])
  const thresholds = builder.add('Concat', [sizes, ends], { axis: 1 })
  const [sorted, order] = builder.addMany('TopK', [thresholds, builder.ints([2 * features])], 2, { axis: 1 })
  const starts = builder.add('Less', [order, builder.int(features)])
  const signs = builder.add('Where', [starts, builder.scalar(1), builder.scalar(-1)])
  const sum = (values: string) => builder.add('CumSum', [values, builder.int(1)])
  const growing = sum(signs)
  const total = sum(builder.add('Mul', [signs, sorted]))
  const norms = builder.add('Sub', [total, builder.add('Mul', [growing, sorted])])
  // The norm grows as the threshold falls; the ball's radius is reached after the last threshold with a smaller norm.
  const radius = builder.add('Reshape', [epsilon, builder.ints([0, 1])])
  const below = builder.add('Where', [builder.add('Less', [norms, radius]), builder.scalar(1), builder.scalar(0)])
  const last = builder.add('ArgMax', [builder.add('Mul', [below, rising(builder, 2 * features)])], { axis: 1 })
  const at = (values: string) => builder.add('GatherElements', [values, last], { axis: 1 })
  const reached = builder.add('Div', [
    builder.add('Sub', [at(total), radius]),
    builder.add('Max', [at(growing), builder.scalar(1)]),
  ])
  const threshold = builder.add('Relu', [reached])
  const shrunk = builder.add('Min', [builder.add('Relu', [builder.add('Sub', [sizes, threshold])]), room])
  const signed = builder.add('Mul', [shrunk, builder.add('Sign', [moved])])
  return builder.add('Reshape', [signed, builder.ints([0, ...featureShape])])
}

function rising(builder: GraphBuilder, count: number): string {
  return builder.once(`rising ${count}`, () => builder.floats(Array.from({ length: count }, (_, index) => index + 1)))
}
