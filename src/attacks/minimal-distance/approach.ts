import type { Domain } from '../../geometry/domain.js'
import { type AttackNorm, dualNorms, type Norm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import type { TypedGraph } from '../../graph/graph.js'
import { classCount } from '../../passes/gradient-graph.js'
import { emitLoss, type Loss } from '../../passes/losses.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { emitFeasible, emitFreeDirections } from '../iteration/free-directions.js'
import type { Iteration } from '../iteration/loop-graph.js'

/** Which side of which boundary an attack wants to reach. */
export interface Aim {
  /** int64 [batch]: with `rivals` the classes to leave, else the classes to reach. */
  readonly labels: string
  /** int64 [batch]: the classes to move to first of all; undefined for a targeted attack. */
  readonly rivals: string | undefined
}

/** Declares the further input of a loop whose samples each aim at one class: `rivals`, unless the attack is targeted. */
export function declareAim(builder: GraphBuilder, labels: string, targeted: boolean): Aim {
  return { labels, rivals: targeted ? undefined : builder.input('rivals', 'int64', ['batch']) }
}

/**
 * Emits the lead of the logit aimed at, which an attack raises above zero: of the rival over the label, or of the target
 * over all other classes.
 */
export function emitLead(body: GraphBuilder, graph: TypedGraph, logits: string, { labels, rivals }: Aim): Loss {
  const classes = classCount(graph)
  if (rivals === undefined) return emitLoss(body, 'margin', logits, labels, classes)
  const [rival, label] = [rivals, labels].map((vector) => emitLoss(body, 'logit', logits, vector, classes))
  return {
    value: body.add('Sub', [rival.value, label.value]),
    gradient: body.add('Sub', [rival.gradient, label.gradient]),
  }
}

/** The way to the linearised boundary from the current point. */
export interface Approach {
  /** Gradient of the lead. */
  readonly uphill: string
  /**
   * Along the gradient of the lead, without what leads out of the domain. Its largest component is 1; it is zero where
   * nothing is left.
   */
  readonly direction: string
  /** float [batch]: its ℓ2 norm, above zero. */
  readonly length: string
  /** float [batch]: distance to the linearised boundary in a norm. */
  distance(norm: Norm): string
}

/** Keeps zeros from dividing. */
export const smallest = 1e-30

export function emitApproach(iteration: Iteration, aim: Aim, box: Box): Approach {
  const { graph, body, point, logits, gradient } = iteration
  const { lower, upper, featureShape } = box
  const lead = emitLead(body, graph, logits, aim)
  const uphill = gradient(lead.gradient)
  const norm = (name: Norm, of: string) => emitNorm(body, name, of, featureShape)
  const atLeast = (value: string) => body.add('Max', [value, body.scalar(smallest)])
  const feasible = emitFeasible(body, uphill, emitFreeDirections(body, point, lower, upper))
  // Squares of small gradients would underflow.
  const largest = atLeast(norm('linf', feasible))
  const direction = body.add('Div', [feasible, emitColumn(body, largest, featureShape)])
  return {
    uphill,
    direction,
    length: atLeast(norm('l2', direction)),
    distance(name) {
      const steepness = body.add('Mul', [largest, atLeast(norm(dualNorms[name], direction))])
      return body.add('Div', [body.add('Abs', [lead.value]), atLeast(steepness)])
    },
  }
}

/** The domain in a graph, and what follows from it. */
export interface Box {
  /** Broadcast over the batch. */
  readonly lower: string
  readonly upper: string
  readonly featureShape: readonly number[]
}

export function emitBox(builder: GraphBuilder, domain: Domain, featureShape: readonly number[]): Box {
  const bound = (values: Float32Array) => builder.floats(values, [1, ...featureShape])
  return { lower: bound(domain.lower), upper: bound(domain.upper), featureShape }
}

/** Emits the norm (float [batch]) of the way from `origin` to the farthest corner of the domain. */
export function emitReach(builder: GraphBuilder, norm: AttackNorm, { lower, upper, featureShape }: Box): string {
  const rooms = builder.add('Max', [builder.add('Sub', ['origin', lower]), builder.add('Sub', [upper, 'origin'])])
  return emitNorm(builder, norm, rooms, featureShape)
}

/** A value per sample, with axes of size 1 in place of the features. */
export function emitColumn(builder: GraphBuilder, perSample: string, featureShape: readonly number[]): string {
  return builder.add('Reshape', [perSample, builder.ints([0, ...featureShape.map(() => 1)])])
}
