import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export interface RfgsmSettings extends Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'target'> {
  /** Norm of the random perturbation that comes first, as a fraction of epsilon. Default 0.5. */
  readonly randomStart?: number
}

/**
 * R-FGSM: a random perturbation (±epsilon/2 per feature for ℓ∞), and from there one step of steepest ascent of the
 * cross-entropy with what is left of epsilon.
 * Tramèr et al., "Ensemble adversarial training: attacks and defenses", ICLR 2018.
 * @throws SettingsError when a setting makes no sense.
 */
export function rfgsm(settings: RfgsmSettings): Attack {
  const {
    norm = 'linf',
    epsilon,
    randomStart = 0.5,
    target,
    ...others
  } = settingsOf('rfgsm', settings, '{ epsilon: 0.1 }')
  refuseUnknown('rfgsm', others)
  if (!(randomStart > 0 && randomStart < 1)) {
    throw new SettingsError(`rfgsm: randomStart must be a fraction between 0 and 1; it is ${randomStart}.`)
  }
  return normConstrained(
    'rfgsm',
    { norm, epsilon, randomStart, target },
    { loss: 'cross-entropy', stepSize: (radius) => (1 - randomStart) * radius },
  )
}
