import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkTarget, recorded } from '../check-settings.js'
import { runFastGradient } from './fast-gradient.js'

export interface FastGradientValueSettings {
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Fast gradient value: the direction is the cross-entropy's gradient itself at the sample, its length the first that
 * changes the class, found by a scan and bisection, clipped to the domain. A minimal-distance attack in ℓ2.
 * Rozsa, Rudd, Boult, "Adversarial diversity and hard positive generation", CVPR Workshops 2016.
 * @throws SettingsError when the target is no class number.
 */
export function fastGradientValue(settings: FastGradientValueSettings = {}): Attack {
  const { target, ...others } = settingsOf('fastGradientValue', settings, '{ target: 3 }')
  refuseUnknown('fastGradientValue', others)
  checkTarget('fastGradientValue', target)
  return {
    name: 'fastGradientValue',
    kind: 'minimal-distance',
    norm: 'l2',
    target,
    settings: target === undefined ? {} : { target: recorded(target) },
    run: (context) => runFastGradient(context, 'l2', (derivative) => derivative),
  }
}
