import type { Domain } from '../../geometry/domain.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { loopGraph } from '../iteration/loop-graph.js'
import { declareAim, emitBox, emitColumn } from './approach.js'
import { emitCosineSchedule } from './emit-schedule.js'
import { emitPenalty } from './penalty.js'

export interface CarliniWagnerGraphSettings {
  readonly steps: number
  /** By how much the wanted class has to lead. */
  readonly confidence: number
  readonly domain: Domain
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

// Adam's, as published.
const [momentumDecay, varianceDecay, stabiliser] = [0.9, 0.999, 1e-8]

/** How much of tanh's range the domain takes up: at the ends of the range, features would freeze. */
export const shrink = 0.9

/**
 * An iteration of the Carlini-Wagner attack as a {@link loopGraph} that keeps the closest point: a step of Adam on
 * ‖δ‖² + c · max(confidence − lead, 0). It carries, shaped like the samples, `variable` (atanh of {@link shrink} times the
 * position between the bounds, from −1 to 1), `momentum` and `variance`; per sample `constant` (c; 0 stands for an
 * estimate, to be made in the first iteration), `rate` (the first step of Adam; 0 likewise), `iteration` and `objective`
 * (the lowest so far). Further input, unless targeted: `rivals` (int64 [batch]), the classes to move to.
 */
export function carliniWagnerGraph(model: TypedGraph, settings: CarliniWagnerGraphSettings): Graph {
  const { steps, confidence, domain, targeted } = settings
  const featureShape = model.inputs[0].shape!.slice(1) as number[]
  const carried = [
    ...['variable', 'momentum', 'variance'].map((name) => ({ name, type: 'float32' }) as const),
    ...['constant', 'rate', 'iteration', 'objective'].map((name) => ({ name, type: 'float32', shape: [] }) as const),
  ]
  return loopGraph(model, { targeted, carried, closest: 'l2' }, (builder, labels) => {
    const aim = declareAim(builder, labels, targeted)
    const box = emitBox(builder, domain, featureShape)
    const middle = builder.add('Mul', [builder.add('Add', [box.lower, box.upper]), builder.scalar(0.5)])
    const range = builder.add('Mul', [builder.add('Sub', [box.upper, box.lower]), builder.scalar(0.5 / shrink)])
    const limit = Math.atanh(shrink)
    const perFeature = shrink / rootOfSquares(domain)

    return (state) => {
      const { body, point, carried } = state
      const times = (value: string, factor: number) => body.add('Mul', [value, body.scalar(factor)])
      const penalty = emitPenalty(state, aim, confidence, featureShape)
      const displacement = body.add('Sub', [point, 'origin'])
      const uphill = body.add('Add', [penalty.gradient, times(displacement, 2)])
      const position = body.add('Tanh', [carried.variable])
      const stretch = body.add('Mul', [range, body.add('Sub', [body.scalar(1), body.add('Mul', [position, position])])])
      const change = body.add('Mul', [uphill, stretch])

      const blend = (old: string, fresh: string, decay: number) =>
        body.add('Add', [times(old, decay), times(fresh, 1 - decay)])
      const momentum = blend(carried.momentum, change, momentumDecay)
      const variance = blend(carried.variance, body.add('Mul', [change, change]), varianceDecay)
      const iteration = body.add('Add', [carried.iteration, body.scalar(1)])
      // Adam corrects its averages for having started at zero.
      const correction = (decay: number) =>
        body.add('Sub', [body.scalar(1), body.add('Pow', [body.scalar(decay), iteration])])
      const spread = body.add('Div', [variance, emitColumn(body, correction(varianceDecay), featureShape)])
      const size = body.add('Add', [body.add('Sqrt', [spread]), body.scalar(stabiliser)])
      // Towards the end steps must not be longer than what is left to gain.
      const fraction = emitCosineSchedule(body, carried.iteration, steps, 1, 0.01)
      const estimate = body.add('Min', [times(penalty.distance('l2'), perFeature), body.scalar(1)])
      const isGiven = body.add('Greater', [carried.rate, body.scalar(0)])
      const rate = body.add('Where', [isGiven, carried.rate, estimate])
      const weight = body.add('Div', [body.add('Mul', [rate, fraction]), correction(momentumDecay)])
      const step = body.add('Div', [body.add('Mul', [momentum, emitColumn(body, weight, featureShape)]), size])
      const moved = body.add('Sub', [carried.variable, step])
      const variable = body.add('Clip', [moved, body.scalar(-limit), body.scalar(limit)])
      const next = body.add('Add', [middle, body.add('Mul', [range, body.add('Tanh', [variable])])])
      const length = emitNorm(body, 'l2', displacement, featureShape)
      return {
        point: body.add('Min', [body.add('Max', [next, box.lower]), box.upper]),
        carried: {
          variable,
          momentum,
          variance,
          constant: penalty.constant,
          rate,
          iteration,
          objective: body.add('Min', [
            carried.objective,
            body.add('Add', [body.add('Mul', [length, length]), penalty.value]),
          ]),
        },
        gradient: penalty.ofLead,
        acceptable: penalty.acceptable,
      }
    }
  })
}

/** Half the ℓ2 norm of the widths of the domain: a distance in tanh space, spread over the features, is one in the domain over this. */
function rootOfSquares({ lower, upper }: Domain): number {
  const squares = upper.reduce((sum, high, feature) => sum + (high - lower[feature]) ** 2, 0)
  return Math.sqrt(squares) / 2 || 1
}
