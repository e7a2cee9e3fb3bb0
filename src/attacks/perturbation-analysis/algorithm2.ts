import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export interface Algorithm2Settings extends Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'dithering' | 'target'> {
  /** Default 1, as published. */
  readonly steps?: number
}

/**
 * Algorithm 2: algorithm1 with the logit of the label alone in place of the margin, so that no other class is looked at.
 * With a target its logit is raised instead.
 * Balda, Behboodi, Mathar, "Perturbation analysis of learning algorithms: generation of adversarial examples from
 * classification to regression", 2018.
 * @throws SettingsError when a setting makes no sense.
 */
export function algorithm2(settings: Algorithm2Settings): Attack {
  const {
    norm = 'linf',
    epsilon,
    steps = 1,
    dithering = 0,
    target,
    ...others
  } = settingsOf('algorithm2', settings, '{ epsilon: 0.1 }')
  refuseUnknown('algorithm2', others)
  return normConstrained('algorithm2', { norm, epsilon, steps, dithering, target }, { loss: 'logit' })
}
