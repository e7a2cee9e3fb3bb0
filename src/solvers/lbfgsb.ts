import type { Box } from './box.js'
import { cauchyPoint } from './cauchy-point.js'
import { dot } from './dot.js'
import { LimitedMemory } from './limited-memory.js'
import { type LinePoint, lineSearch } from './line-search.js'
import { subspaceMinimum } from './subspace-minimum.js'

/** A function and its gradient at one point. */
export interface Evaluation {
  readonly value: number
  readonly gradient: Float64Array
}

export interface Minimum<E extends Evaluation> {
  readonly point: Float64Array
  /** What was answered at this point. */
  readonly evaluation: E
  readonly iterations: number
  /** Whether the value stopped to decrease; false when the iterations were exhausted. */
  readonly converged: boolean
}

export interface LbfgsbSettings {
  /** Steps that the approximation of the Hessian is made from. */
  readonly corrections: number
  readonly iterations: number
  /** Ends when an iteration decreases the value by less, relative to the value. */
  readonly tolerance: number
}

/**
 * Minimises a smooth function in a box: L-BFGS-B. It asks for function values and gradients by yielding points, so that
 * many searches can share the evaluation of a batch; see {@link runTogether}.
 * Byrd, Lu, Nocedal, Zhu, "A limited memory algorithm for bound constrained optimization", SIAM J. Sci. Comput. 1995.
 */
export function* lbfgsb<E extends Evaluation>(
  start: Float64Array,
  box: Box,
  { corrections, iterations, tolerance }: LbfgsbSettings,
): Generator<Float64Array, Minimum<E>, E> {
  const memory = new LimitedMemory(corrections)
  let point: Float64Array = start.map((coordinate, i) => Math.min(Math.max(coordinate, box.lower[i]), box.upper[i]))
  let evaluation: E = yield point
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { value, gradient } = evaluation
    const cauchy = cauchyPoint(point, gradient, box, memory)
    const goal = subspaceMinimum(point, gradient, cauchy, box, memory)
    const direction = goal.map((coordinate, i) => coordinate - point[i])
    const slope = dot(direction, gradient)
    const worthwhile = memory.size === 0 || -slope > tolerance * Math.abs(value)
    const found =
      slope < 0 && worthwhile ? yield* searchAlong<E>(point, direction, { step: 0, value, slope }, box) : undefined
    if (found === undefined) {
      if (memory.size === 0 || !worthwhile) return { point, evaluation, iterations: iteration, converged: true }
      // Steepest descent may still find a way where the model of the curvature misleads.
      memory.clear()
      continue
    }
    const from = { point, gradient }
    ;({ point, evaluation } = found)
    memory.learn(
      point.map((coordinate, i) => coordinate - from.point[i]),
      evaluation.gradient.map((derivative, i) => derivative - from.gradient[i]),
    )
    if (value - evaluation.value <= tolerance * Math.max(Math.abs(value), Math.abs(evaluation.value))) {
      return { point, evaluation, iterations: iteration + 1, converged: true }
    }
  }
  return { point, evaluation, iterations, converged: false }
}

interface PointOnLine<E> extends LinePoint {
  readonly point: Float64Array
  readonly evaluation: E
}

function* searchAlong<E extends Evaluation>(
  from: Float64Array,
  direction: Float64Array,
  start: LinePoint,
  box: Box,
): Generator<Float64Array, PointOnLine<E> | undefined, E> {
  const search = lineSearch<PointOnLine<E>>(start, longestStep(from, direction, box))
  let asked = search.next()
  while (!asked.done) {
    const step = asked.value
    const point = from.map((coordinate, i) =>
      Math.min(Math.max(coordinate + step * direction[i], box.lower[i]), box.upper[i]),
    )
    const evaluation: E = yield point
    const slope = dot(evaluation.gradient, direction)
    asked = search.next({ step, value: evaluation.value, slope, point, evaluation })
  }
  return asked.value
}

/** At least 1, because the direction itself ends inside the box. */
function longestStep(from: Float64Array, direction: Float64Array, { lower, upper }: Box): number {
  let longest = Number.POSITIVE_INFINITY
  for (let i = 0; i < from.length; i++) {
    if (direction[i] !== 0)
      longest = Math.min(longest, ((direction[i] > 0 ? upper[i] : lower[i]) - from[i]) / direction[i])
  }
  return Math.max(longest, 1)
}
