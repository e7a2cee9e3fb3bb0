import { dualNorms, type Norm } from '../../geometry/norm.js'
import { classCount } from '../../passes/gradient-graph.js'
import { emitLoss } from '../../passes/losses.js'
import { emitNorm } from '../iteration/emit-norm.js'
import type { Iteration } from '../iteration/loop-graph.js'
import { type Aim, emitColumn, emitLead, smallest } from './approach.js'

/** c · max(confidence − lead, 0), what a sample pays for not being classified as wanted. */
export interface Penalty {
  /** float [batch]: c. */
  readonly constant: string
  /** float [batch] */
  readonly value: string
  /** With respect to the point. */
  readonly gradient: string
  /** Gradient of the lead. */
  readonly ofLead: string
  /** bool [batch]: where the wanted class leads by the confidence; undefined for a confidence of 0. */
  readonly acceptable: string | undefined
  /** float [batch]: distance to where the linearised lead is the confidence, in a norm. */
  distance(norm: Norm): string
}

// Where the gradient vanishes no constant is large enough; infinity times zero would be NaN.
const largestEstimate = 1e20

/**
 * Emits the penalty. A constant of 0 is replaced by 2 · (confidence − lead) / ‖∇lead‖₂²: with it penalty and squared
 * distance balance where the linearised lead is the confidence.
 */
export function emitPenalty(
  { graph, body, logits, gradient, carried }: Iteration,
  aim: Aim,
  confidence: number,
  featureShape: readonly number[],
): Penalty {
  const lead = emitLead(body, graph, logits, aim)
  const missing = body.add('Relu', [body.add('Sub', [body.scalar(confidence), lead.value])])
  const uphill = gradient(lead.gradient)
  const distance = (norm: Norm) => {
    const steepness = emitNorm(body, dualNorms[norm], uphill, featureShape)
    return body.add('Div', [missing, body.add('Max', [steepness, body.scalar(smallest)])])
  }
  const steepness = body.add('Max', [emitNorm(body, 'l2', uphill, featureShape), body.scalar(smallest)])
  const balance = body.add('Div', [body.add('Mul', [distance('l2'), body.scalar(2)]), steepness])
  const isGiven = body.add('Greater', [carried.constant, body.scalar(0)])
  const estimate = body.add('Min', [balance, body.scalar(largestEstimate)])
  const constant = body.add('Where', [isGiven, carried.constant, estimate])
  const counts = body.add('Greater', [missing, body.scalar(0)])
  const weight = body.add('Where', [counts, body.add('Neg', [constant]), body.scalar(0)])
  const leadsEnough = () => {
    const { value: margin } = emitLoss(body, 'margin', logits, aim.labels, classCount(graph))
    const ahead = aim.rivals === undefined ? margin : body.add('Neg', [margin])
    return body.add('GreaterOrEqual', [ahead, body.scalar(confidence)])
  }
  return {
    constant,
    value: body.add('Mul', [constant, missing]),
    gradient: body.add('Mul', [uphill, emitColumn(body, weight, featureShape)]),
    ofLead: uphill,
    acceptable: confidence > 0 ? leadsEnough() : undefined,
    distance,
  }
}
