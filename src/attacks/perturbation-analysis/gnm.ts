import { refuseUnknown } from '../../unknown-settings.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export type GnmSettings = Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'target'>

/**
 * Gradient-based norm-constrained method: the perturbation of norm epsilon that lowers the linearised margin most, in
 * closed form, clipped to the domain.
 * Balda, Behboodi, Mathar, "On generation of adversarial examples using convex programming", 2018, Proposition 2.
 * @throws SettingsError when a setting makes no sense.
 */
export function gnm({ norm = 'linf', epsilon, target, ...others }: GnmSettings): Attack {
  refuseUnknown('gnm', others)
  return normConstrained('gnm', { norm, epsilon, target })
}
