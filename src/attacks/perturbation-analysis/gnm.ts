import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export type GnmSettings = Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'target'>

/**
 * Gradient-based norm-constrained method: the perturbation of norm epsilon that lowers the linearised margin most, in
 * closed form, clipped to the domain.
 * Balda, Behboodi, Mathar, "On generation of adversarial examples using convex programming", 2018, Proposition 2.
 * @throws SettingsError when a setting makes no sense.
 */
export function gnm(settings: GnmSettings): Attack {
  const { norm = 'linf', epsilon, target, ...others } = settingsOf('gnm', settings, '{ epsilon: 0.1 }')
  refuseUnknown('gnm', others)
  return normConstrained('gnm', { norm, epsilon, target })
}
