import type { Domain } from '../geometry/domain.js'
import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, type Graph, type TypedGraph } from '../graph/graph.js'
import { emitClassPairs, emitMargins } from '../passes/margins.js'
import { emitFeasible, emitFreeDirections } from './free-directions.js'
import { loopGraph } from './loop-graph.js'

export interface DeepFoolGraphSettings {
  readonly norm: 'linf' | 'l2'
  readonly overshoot: number
  readonly domain: Domain
  /** Whether steps leave out the features that are at a bound of the domain already. */
  readonly feasible: boolean
}

// A sample that sits exactly on the boundary still moves.
const smallestMargin = 1e-6
// A zero gradient divides nothing.
const smallestNorm = 1e-30

/**
 * DeepFool's iteration as a {@link loopGraph} that carries `displacement`, the sum of all steps without the overshoot.
 * Its further inputs: `origin` (shaped like the model's input) and `rivals` (int64 [batch, rivals]), the classes whose
 * boundaries are looked at.
 */
export function deepFoolGraph(model: TypedGraph, { norm, overshoot, domain, feasible }: DeepFoolGraphSettings): Graph {
  const [input] = model.inputs
  const shape = input.shape!
  const featureShape = shape.slice(1) as number[]
  const features = elementCount(featureShape)

  const carried = [{ name: 'displacement', type: 'float32' }] as const
  return loopGraph(model, { targeted: false, carried }, (builder, labels) => {
    const origin = builder.input('origin', 'float32', shape)
    const rivals = builder.input('rivals', 'int64', ['batch', 'rivals'])
    const pairs = emitClassPairs(model, builder, labels, rivals)
    const bound = (values: Float32Array) => builder.floats(values, [1, ...featureShape])
    const [lower, upper] = [bound(domain.lower), bound(domain.upper)]

    // A step goes against the gradient of a margin.
    const withinDomain = (body: GraphBuilder, gradients: string, point: string) => {
      const { up, down } = emitFreeDirections(body, point, lower, upper)
      const perRival = (value: string) => body.add('Reshape', [body.add('Neg', [value]), body.ints([0, 1, features])])
      return emitFeasible(body, gradients, { up: perRival(down), down: perRival(up) })
    }

    return ({ graph, body, point, forward, carried: { displacement } }) => {
      const { margins, gradients } = emitMargins(graph, body, forward, pairs)
      const usable = feasible ? withinDomain(body, gradients, point) : gradients
      const dualNorms = body.add(norm === 'l2' ? 'ReduceL2' : 'ReduceL1', [usable, body.ints([2])], { keepdims: 0 })
      const norms = body.add('Max', [dualNorms, body.scalar(smallestNorm)])
      const distances = body.add('Div', [body.add('Max', [margins, body.scalar(smallestMargin)]), norms])
      const nearest = body.add('ArgMin', [distances], { axis: 1, keepdims: 1 })
      const ofNearest = (values: string) => body.add('GatherElements', [values, nearest], { axis: 1 })
      const gradient = body.add('GatherND', [usable, nearest], { batch_dims: 1 })
      const direction = norm === 'l2' ? body.add('Div', [gradient, ofNearest(norms)]) : body.add('Sign', [gradient])
      const step = body.add('Mul', [direction, ofNearest(distances)])
      const moved = body.add('Sub', [displacement, body.add('Reshape', [step, body.ints([0, ...featureShape])])])
      const overshot = body.add('Add', [origin, body.add('Mul', [moved, body.scalar(1 + overshoot)])])
      return {
        point: body.add('Min', [body.add('Max', [overshot, lower]), upper]),
        carried: { displacement: moved },
        slope: body.add('ReduceMax', [dualNorms, body.ints([1])], { keepdims: 0 }),
      }
    }
  })
}
