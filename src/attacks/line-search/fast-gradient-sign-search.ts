import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkTarget, recorded } from '../check-settings.js'
import { runFastGradient } from './fast-gradient.js'

export interface FastGradientSignSearchSettings {
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * The fast gradient sign method with the smallest ε that fools: the direction is the sign of the cross-entropy's gradient
 * at the sample, its length the first that changes the class, found by a scan and bisection, clipped to the domain. A
 * minimal-distance attack in ℓ∞; for a given ε there is `fgsm`.
 * Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015; Peck, "Lower bounds on the
 * robustness to adversarial perturbations", Algorithm 2.1, to which the scan is added: the first crossing counts, also
 * where a longer step would lead back.
 * @throws SettingsError when the target is no class number.
 */
export function fastGradientSignSearch(settings: FastGradientSignSearchSettings = {}): Attack {
  const { target, ...others } = settingsOf('fastGradientSignSearch', settings, '{ target: 3 }')
  refuseUnknown('fastGradientSignSearch', others)
  checkTarget('fastGradientSignSearch', target)
  return {
    name: 'fastGradientSignSearch',
    kind: 'minimal-distance',
    norm: 'linf',
    target,
    settings: target === undefined ? {} : { target: recorded(target) },
    run: (context) => runFastGradient(context, 'linf', Math.sign),
  }
}
