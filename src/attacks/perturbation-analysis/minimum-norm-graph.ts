import type { Domain } from '../../geometry/domain.js'
import type { AttackNorm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type Graph, type TypedGraph } from '../../graph/graph.js'
import { classCount } from '../../passes/gradient-graph.js'
import { emitLoss } from '../../passes/losses.js'
import { emitClassPairs, emitMargins } from '../../passes/margins.js'
import { emitFeasible, emitFreeDirections } from '../iteration/free-directions.js'
import { type Iteration, loopGraph } from '../iteration/loop-graph.js'
import { emitSteepest } from '../iteration/steepest.js'

export interface MinimumNormGraphSettings {
  readonly norm: AttackNorm
  readonly overshoot: number
  readonly domain: Domain
  /** Whether steps leave out the features that are at a bound of the domain already. */
  readonly feasible: boolean
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
  /** Whether the margin to the largest other class is linearised, rather than those to several classes one by one. */
  readonly single: boolean
}

// A sample that sits exactly on the boundary still moves.
const smallestMargin = 1e-6
// A zero gradient divides nothing.
const smallestNorm = 1e-30

/**
 * The minimum-norm step, iterated, as a {@link loopGraph} that carries `displacement`, the sum of all steps without the
 * overshoot. Its further inputs: `origin` (shaped like the model's input) and, for several of them, `rivals` (int64
 * [batch, rivals]), the classes whose boundaries are looked at.
 */
export function minimumNormGraph(
  model: TypedGraph,
  { norm, overshoot, domain, feasible, targeted, single }: MinimumNormGraphSettings,
): Graph {
  const [input] = model.inputs
  const shape = input.shape!
  const featureShape = shape.slice(1) as number[]
  const features = elementCount(featureShape)

  const carried = [{ name: 'displacement', type: 'float32' }] as const
  return loopGraph(model, { targeted, carried }, (builder, labels) => {
    const origin = builder.input('origin', 'float32', shape)
    const pairs =
      !single && emitClassPairs(model, builder, labels, builder.input('rivals', 'int64', ['batch', 'rivals']))
    const bound = (values: Float32Array) => builder.floats(values, [1, ...featureShape])
    const [lower, upper] = [bound(domain.lower), bound(domain.upper)]

    // A step goes against the gradient of a margin.
    const withinDomain = (body: GraphBuilder, gradients: string, point: string) => {
      const { up, down } = emitFreeDirections(body, point, lower, upper)
      const perRival = (value: string) => body.add('Reshape', [body.add('Neg', [value]), body.ints([0, 1, features])])
      return emitFeasible(body, gradients, { up: perRival(down), down: perRival(up) })
    }

    // The margin of the label, or how much the target's falls short.
    const margin = ({ body, logits, gradient }: Iteration) => {
      const loss = emitLoss(body, 'margin', logits, labels, classCount(model))
      const positive = (value: string) => (targeted ? body.add('Neg', [value]) : value)
      return {
        margins: body.add('Unsqueeze', [positive(loss.value), body.ints([1])]),
        gradients: body.add('Reshape', [gradient(positive(loss.gradient)), body.ints([0, 1, features])]),
      }
    }

    return (iteration) => {
      const { graph, body, point, forward, carried } = iteration
      const { margins, gradients } = pairs ? emitMargins(graph, body, forward, pairs) : margin(iteration)
      const usable = feasible ? withinDomain(body, gradients, point) : gradients
      const slopes = body.add('Squeeze', [emitSteepest(body, norm, usable, [2]).slope, body.ints([2])])
      const distances = body.add('Div', [
        body.add('Max', [margins, body.scalar(smallestMargin)]),
        body.add('Max', [slopes, body.scalar(smallestNorm)]),
      ])
      const nearest = body.add('ArgMin', [distances], { axis: 1, keepdims: 1 })
      const { direction } = emitSteepest(body, norm, body.add('GatherND', [usable, nearest], { batch_dims: 1 }), [1])
      const step = body.add('Mul', [direction, body.add('GatherElements', [distances, nearest], { axis: 1 })])
      const moved = body.add('Sub', [
        carried.displacement,
        body.add('Reshape', [step, body.ints([0, ...featureShape])]),
      ])
      const overshot = body.add('Add', [origin, body.add('Mul', [moved, body.scalar(1 + overshoot)])])
      return {
        point: body.add('Min', [body.add('Max', [overshot, lower]), upper]),
        carried: { displacement: moved },
        gradient: slopes,
      }
    }
  })
}
