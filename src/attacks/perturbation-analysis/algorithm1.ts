import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Attack } from '../attack.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export interface Algorithm1Settings
  extends Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'dithering' | 'target' | 'subsets'> {
  /** T in Algorithm 1-T. Default 10. */
  readonly steps?: number
}

/**
 * Algorithm 1-T: the sum of T steps of gnm, each of norm epsilon / T, with the margin linearised anew for each. With
 * subsets every step changes one more of them. The first adversarial example on the way is kept.
 * Balda, Behboodi, Mathar, "Perturbation analysis of learning algorithms: generation of adversarial examples from
 * classification to regression", 2018.
 * @throws SettingsError when a setting makes no sense.
 */
export function algorithm1(settings: Algorithm1Settings): Attack {
  const {
    norm = 'linf',
    epsilon,
    steps = 10,
    dithering = 0,
    target,
    subsets,
    ...others
  } = settingsOf('algorithm1', settings, '{ epsilon: 0.1 }')
  refuseUnknown('algorithm1', others)
  return normConstrained('algorithm1', { norm, epsilon, steps, dithering, target, subsets })
}
