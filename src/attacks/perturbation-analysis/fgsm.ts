import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export type FgsmSettings = Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'target'>

/**
 * Fast gradient sign method: one step of size epsilon in the direction of steepest ascent of the cross-entropy (the
 * gradient's sign for ℓ∞, the gradient for ℓ2, the coordinate with the largest derivative for ℓ1), clipped to the domain.
 * Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015.
 * @throws SettingsError when a setting makes no sense.
 */
export function fgsm(settings: FgsmSettings): Attack {
  const { norm = 'linf', epsilon, target, ...others } = settingsOf('fgsm', settings, '{ epsilon: 0.1 }')
  refuseUnknown('fgsm', others)
  return normConstrained('fgsm', { norm, epsilon, target }, { loss: 'cross-entropy' })
}
