import type { Norm } from '../geometry/norm.js'
import type { PerSample } from '../sampling/per-sample.js'
import type { Attack } from './attack.js'
import { checkNorm, checkPositive, checkTarget, recorded } from './check-settings.js'
import { runPgd } from './run-pgd.js'

export interface FgsmSettings {
  /** Default `linf`. */
  readonly norm?: Norm
  /** Size of the step, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Fast gradient sign method: one step of size epsilon in the direction of steepest ascent of the cross-entropy (the
 * gradient's sign for ℓ∞, the gradient for ℓ2, the coordinate with the largest derivative for ℓ1), clipped to the domain.
 * Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015.
 * @throws SettingsError when a setting makes no sense.
 */
export function fgsm({ norm = 'linf', epsilon, target }: FgsmSettings): Attack {
  checkNorm('fgsm', norm)
  checkPositive('fgsm', 'epsilon', epsilon)
  checkTarget('fgsm', target)
  return {
    name: 'fgsm',
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    target,
    settings: { norm, epsilon: recorded(epsilon), ...(target !== undefined && { target: recorded(target) }) },
    run: (context) =>
      runPgd(context, {
        norm,
        loss: 'cross-entropy',
        steps: 1,
        stepSize: (radius) => radius,
        randomStart: false,
        restarts: 1,
      }),
  }
}
