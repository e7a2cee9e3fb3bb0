import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export interface BimSettings extends Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'target'> {
  /** Default 10. */
  readonly steps?: number
}

/**
 * Basic iterative method: fgsm in steps of size epsilon / steps. The first adversarial example on the way is kept.
 * Kurakin, Goodfellow, Bengio, "Adversarial examples in the physical world", ICLR workshop 2017.
 * @throws SettingsError when a setting makes no sense.
 */
export function bim(settings: BimSettings): Attack {
  const { norm = 'linf', epsilon, steps = 10, target, ...others } = settingsOf('bim', settings, '{ epsilon: 0.1 }')
  refuseUnknown('bim', others)
  return normConstrained('bim', { norm, epsilon, steps, target }, { loss: 'cross-entropy' })
}
