import type { Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { emitNorm } from './emit-norm.js'
import { emitShrinkage } from './emit-shrinkage.js'
import { emitSign } from './emit-sign.js'

/** A ball within the domain: names in the graph being built. */
export interface Ball {
  readonly origin: string
  /** Bounds of every coordinate: the domain, for ℓ∞ within the ball. */
  readonly lower: string
  readonly upper: string
  /** Radius around the origin, per sample. */
  readonly epsilon: string
  readonly featureShape: readonly number[]
}

/** Emits the projection of `point` onto ball and domain: for ℓ2 first onto the one, then onto the other. */
export function emitProjection(builder: GraphBuilder, norm: Norm, point: string, ball: Ball): string {
  const clip = (value: string) => builder.add('Min', [builder.add('Max', [value, ball.lower]), ball.upper])
  if (norm === 'linf') return clip(point)
  const displacement = builder.add('Sub', [point, ball.origin])
  const projected = norm === 'l2' ? projectL2(builder, displacement, ball) : projectL1(builder, displacement, ball)
  return clip(builder.add('Add', [ball.origin, projected]))
}

function projectL2(builder: GraphBuilder, displacement: string, { epsilon, featureShape }: Ball): string {
  const perSample = builder.ints([0, ...featureShape.map(() => 1)])
  const norm = builder.add('Reshape', [emitNorm(builder, 'l2', displacement, featureShape), perSample])
  const length = builder.add('Max', [norm, epsilon])
  return builder.add('Mul', [displacement, builder.add('Div', [epsilon, length])])
}

/**
 * Exact projection onto the part of the ℓ1 ball that is in the domain: every coordinate shrinks by the same threshold,
 * but none to less than zero and none stays beyond its bound. Croce and Hein, "Mind the box: ℓ1-APGD for sparse
 * adversarial attacks on image classifiers", ICML 2021, Proposition 2.1.
 */
function projectL1(
  builder: GraphBuilder,
  displacement: string,
  { origin, lower, upper, epsilon, featureShape }: Ball,
): string {
  const features = elementCount(featureShape)
  const flat = (value: string) => builder.add('Reshape', [value, builder.ints([0, features])])
  const rooms = flat(
    builder.add('Where', [
      builder.add('Greater', [displacement, builder.scalar(0)]),
      builder.add('Sub', [upper, origin]),
      builder.add('Sub', [origin, lower]),
    ]),
  )
  const moved = flat(displacement)
  const sizes = builder.add('Abs', [moved])
  const radius = builder.add('Reshape', [epsilon, builder.ints([0, 1])])
  const shrunk = emitShrinkage(builder, { sizes, rooms, radius })
  const signed = builder.add('Mul', [shrunk, emitSign(builder, moved)])
  return builder.add('Reshape', [signed, builder.ints([0, ...featureShape])])
}
