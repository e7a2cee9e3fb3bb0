import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { AttackNorm } from '../../geometry/norm.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { normConstrained } from './norm-constrained.js'

export interface PgdSettings {
  /** `linf`, or `l` and any p ≥ 1, such as `l1.5`. Default `linf`. */
  readonly norm?: AttackNorm
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Default 40. */
  readonly steps?: number
  /** Norm of one step, in input units. Default 2.5 · epsilon / steps, enough to reach the other side of the ball. */
  readonly stepSize?: number
  /** Start at a point drawn uniformly from the ball rather than at the sample. Default true. */
  readonly randomStart?: boolean
  /** Runs from different starting points, for the samples that still stand. Default 1. */
  readonly restarts?: number
  /** `margin` (label's logit minus the largest other) does not saturate on confident samples. Default `cross-entropy`. */
  readonly loss?: 'cross-entropy' | 'margin'
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Projected gradient descent: steps of steepest ascent of the loss in the given norm, each followed by the projection
 * onto ball and domain. The first adversarial example on the way is kept.
 * Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018; the ℓ1 step follows Tramèr
 * and Boneh, "Adversarial training and robustness for multiple perturbations", NeurIPS 2019.
 * @throws SettingsError when a setting makes no sense.
 */
export function pgd(settings: PgdSettings): Attack {
  const {
    norm = 'linf',
    epsilon,
    steps = 40,
    stepSize,
    randomStart = true,
    restarts = 1,
    loss = 'cross-entropy',
    target,
    ...others
  } = settingsOf('pgd', settings, '{ epsilon: 0.1 }')
  refuseUnknown('pgd', others)
  return normConstrained('pgd', {
    norm,
    epsilon,
    steps,
    stepSize: stepSize ?? ((radius) => (2.5 * radius) / steps),
    randomStart,
    restarts,
    loss,
    target,
  })
}
