import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { runHopSkipJump } from './run-hop-skip-jump.js'

export interface HopSkipJumpSettings {
  /** Most forward passes per sample. Default 5000. */
  readonly queries?: number
  /** B₀ of the paper: forward passes of the first gradient estimate; the t-th takes √t times as many. Default 100. */
  readonly initialEvaluations?: number
  /** Most forward passes of one gradient estimate. Default 10 000. */
  readonly maxEvaluations?: number
  /** γ of the paper: scales the distance of the probes. Default 1. */
  readonly gamma?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * HopSkipJump in ℓ2: at a point of the boundary, random probes vote on its normal; a step along the normal leads away
 * from the boundary, and bisection towards the sample back to a point of it that is closer. Needs the predicted class
 * only. A minimal-distance attack. Unlike the published attack it compares several starting points, stays where it is when a
 * step leads no closer, and goes on from the next start, and at last from the closest point, when a search has ended. For ℓ∞ take rayS, which comes closer with far fewer queries.
 * Chen, Jordan, Wainwright, "HopSkipJumpAttack: a query-efficient decision-based attack", IEEE S&P 2020.
 * @throws SettingsError when a setting makes no sense.
 */
export function hopSkipJump(settings: HopSkipJumpSettings = {}): Attack {
  const {
    queries = 5000,
    initialEvaluations = 100,
    maxEvaluations = 10_000,
    gamma = 1,
    target,
    ...others
  } = settingsOf('hopSkipJump', settings, '{ queries: 5000 }')
  refuseUnknown('hopSkipJump', others)
  checkCount('hopSkipJump', 'queries', queries)
  checkCount('hopSkipJump', 'initialEvaluations', initialEvaluations)
  checkCount('hopSkipJump', 'maxEvaluations', maxEvaluations)
  checkPositive('hopSkipJump', 'gamma', gamma)
  checkTarget('hopSkipJump', target)
  const chosen = { queries, initialEvaluations, maxEvaluations, gamma }
  return {
    name: 'hopSkipJump',
    kind: 'minimal-distance',
    norm: 'l2',
    target,
    settings: { norm: 'l2', ...chosen, ...(target !== undefined && { target: recorded(target) }) },
    run: (context) => runHopSkipJump(context, chosen),
  }
}
