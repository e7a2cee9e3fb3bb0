import { diameter } from '../../geometry/diameter.js'
import type { Domain } from '../../geometry/domain.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type Graph, type TypedGraph } from '../../graph/graph.js'
import { classCount } from '../../passes/gradient-graph.js'
import { emitLoss } from '../../passes/losses.js'
import { emitNorm } from '../iteration/emit-norm.js'
import { loopGraph } from '../iteration/loop-graph.js'
import { declareAim, emitBox, emitColumn, emitLead, smallest } from './approach.js'

export interface AlmaGraphSettings {
  readonly norm: 'l2' | 'l1'
  /** What the constraint is about: the lead of one class, or the difference of logits ratio. */
  readonly loss: 'lead' | 'dlr'
  readonly steps: number
  /** First step of RMSProp, in units of the root mean square change of a feature on the way to the linearised boundary. */
  readonly learningRate: number
  /** How much of the multiplier, of RMSProp's averages and of its momentum an iteration keeps. */
  readonly alpha: number
  readonly domain: Domain
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
}

// The paper's τ, γ and M: unless the constraint improves by so much between checks, its weight grows by so much.
const [leastImprovement, growth, checkSteps] = [0.95, 1.2, 10]
const learningRateReduction = 0.01
const [smallestMultiplier, largestMultiplier] = [1e-6, 1e12]
// Of the logits: by how much a label leads that may as well not lead.
const relativeNoise = 1e-6

/** What the loop carries for each sample, and what it starts with. */
export const almaState = {
  /** Lagrange multiplier, μ. */
  multiplier: 1,
  /** Penalty parameter, ρ. */
  weight: 1,
  /** The constraint at the last check. */
  checked: 0,
  /** The iteration after the first one at an adversarial point; 0 before. */
  found: 0,
  iteration: 0,
  /** By how much the label leads at the sample. */
  margin: 0,
  /** ℓ2 distance of the sample to the linearised boundary. */
  unit: 0,
}
/** What the loop carries for each feature; it starts at 0. */
export const almaFeatureState = ['squares', 'momentum']

/**
 * An iteration of ALMA as a {@link loopGraph} that keeps the closest point. It carries {@link almaState} and
 * {@link almaFeatureState}. Further input, unless targeted: `rivals` (int64 [batch]), the classes to move to, which the
 * difference of logits ratio ignores.
 */
export function almaGraph(model: TypedGraph, settings: AlmaGraphSettings): Graph {
  const { norm, loss, steps, learningRate, alpha, domain, targeted } = settings
  const featureShape = model.inputs[0].shape!.slice(1) as number[]
  const carried = [
    ...almaFeatureState.map((name) => ({ name, type: 'float32' }) as const),
    ...Object.keys(almaState).map((name) => ({ name, type: 'float32', shape: [] }) as const),
  ]
  return loopGraph(model, { targeted, carried, closest: norm }, (builder, labels) => {
    const aim = declareAim(builder, labels, targeted)
    const { lower, upper } = emitBox(builder, domain, featureShape)

    return ({ graph, body, point, logits, fooled, gradient, carried }) => {
      const { iteration } = carried
      const column = (perSample: string) => emitColumn(body, perSample, featureShape)
      const scaled = (value: string, factor: number) => body.add('Mul', [value, body.scalar(factor)])
      const atLeast = (value: string) => body.add('Max', [value, body.scalar(smallest)])
      const moving = (mean: string, value: string) => body.add('Add', [scaled(mean, alpha), scaled(value, 1 - alpha)])
      const isFirst = body.add('Equal', [iteration, body.scalar(0)])
      const once = (value: string, before: string) => body.add('Where', [isFirst, value, before])

      // The constraint is 1 at the sample, and wanted at most 0. Lengths are in units of that to the linearised boundary.
      const lead =
        loss === 'dlr'
          ? emitLoss(body, targeted ? 'targeted-dlr' : 'dlr', logits, labels, classCount(graph))
          : emitLead(body, graph, logits, aim)
      const ofLead = gradient(lead.gradient)
      const size = body.add('ReduceMax', [body.add('Abs', [logits]), body.ints([1])], { keepdims: 0 })
      const noise = loss === 'dlr' ? body.scalar(relativeNoise) : scaled(size, relativeNoise)
      const margin = once(atLeast(body.add('Max', [body.add('Neg', [lead.value]), noise])), carried.margin)
      const slope = emitNorm(body, 'l2', ofLead, featureShape)
      // Where the model is flat the linearised boundary is farther away than the domain reaches.
      const toBoundary = body.add('Min', [
        body.add('Div', [margin, atLeast(slope)]),
        body.scalar(diameter(domain, 'l2')),
      ])
      const unit = once(toBoundary, carried.unit)
      const constraint = body.add('Neg', [body.add('Div', [lead.value, margin])])
      const ofConstraint = body.add('Neg', [body.add('Mul', [ofLead, column(body.add('Div', [unit, margin]))])])

      const isStanding = body.add('Not', [fooled])
      const isUnfound = body.add('And', [isStanding, body.add('Equal', [carried.found, body.scalar(0)])])
      const sinceCheck = body.add('Mod', [iteration, body.scalar(checkSteps)], { fmod: 1 })
      const isCheck = body.add('Equal', [sinceCheck, body.scalar(checkSteps - 1)])
      const isStuck = body.add('GreaterOrEqual', [constraint, scaled(carried.checked, leastImprovement)])
      const grows = body.add('And', [isCheck, body.add('And', [isStuck, isUnfound])])
      const weight = body.add('Where', [grows, scaled(carried.weight, growth), carried.weight])
      const pull = (multiplier: string) => emitPenaltySlope(body, constraint, weight, multiplier)
      const mean = moving(carried.multiplier, pull(carried.multiplier))
      const within = body.add('Max', [mean, body.scalar(smallestMultiplier)])
      const multiplier = once(carried.multiplier, body.add('Min', [within, body.scalar(largestMultiplier)]))

      const displacement = body.add('Sub', [point, 'origin'])
      const length = column(atLeast(emitNorm(body, 'l2', displacement, featureShape)))
      const ofNorm =
        norm === 'l2'
          ? body.add('Div', [displacement, length])
          : scaled(body.add('Sign', [displacement]), 1 / Math.sqrt(elementCount(featureShape)))
      const uphill = body.add('Add', [ofNorm, body.add('Mul', [ofConstraint, column(pull(multiplier))])])

      // RMSProp, whose mean of squares starts at 1.
      const squares = moving(carried.squares, body.add('Mul', [uphill, uphill]))
      const next = body.add('Add', [iteration, body.scalar(1)])
      const start = column(body.add('Pow', [body.scalar(alpha), next]))
      const root = body.add('Sqrt', [body.add('Add', [squares, start])])
      const scaledUphill = body.add('Div', [uphill, body.add('Add', [root, body.scalar(1e-8)])])
      const momentum = body.add('Add', [scaled(carried.momentum, alpha), scaledUphill])
      const found = body.add('Where', [
        body.add('And', [fooled, body.add('Equal', [carried.found, body.scalar(0)])]),
        next,
        carried.found,
      ])
      // Falls from the first adversarial point to the last iteration.
      const isFound = body.add('Greater', [found, body.scalar(0)])
      const fraction = body.add('Div', [
        body.add('Sub', [next, found]),
        body.add('Sub', [body.scalar(steps + 1), found]),
      ])
      const exponent = body.add('Where', [isFound, fraction, body.scalar(0)])
      const decay = body.add('Pow', [body.scalar(learningRateReduction), exponent])
      const rate = scaled(body.add('Mul', [decay, unit]), learningRate / Math.sqrt(elementCount(featureShape)))
      const moved = body.add('Sub', [point, body.add('Mul', [momentum, column(rate)])])
      return {
        point: body.add('Min', [body.add('Max', [moved, lower]), upper]),
        carried: {
          squares,
          momentum,
          multiplier,
          weight,
          checked: body.add('Where', [body.add('Or', [isFirst, isCheck]), constraint, carried.checked]),
          found,
          iteration: next,
          margin,
          unit,
        },
        gradient: ofLead,
      }
    }
  })
}

/**
 * Emits the derivative of the paper's penalty P₂ with respect to the constraint y: μ + 2μρy + ½ρ²y² above zero,
 * μ / (1 − ρy)² below.
 */
function emitPenaltySlope(body: GraphBuilder, constraint: string, weight: string, multiplier: string): string {
  const product = body.add('Mul', [constraint, weight])
  const square = (value: string) => body.add('Mul', [value, value])
  const factor = body.add('Add', [body.scalar(1), body.add('Mul', [product, body.scalar(2)])])
  const linear = body.add('Mul', [multiplier, factor])
  const above = body.add('Add', [linear, body.add('Mul', [square(product), body.scalar(0.5)])])
  const below = body.add('Div', [multiplier, square(body.add('Sub', [body.scalar(1), product]))])
  return body.add('Where', [body.add('Greater', [constraint, body.scalar(0)]), above, below])
}
