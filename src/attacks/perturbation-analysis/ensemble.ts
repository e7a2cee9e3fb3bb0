import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Classifier } from '../../model/classifier.js'
import type { Attack } from '../attack.js'
import { checkList } from '../check-settings.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export interface EnsembleSettings
  extends Pick<NormConstrainedSettings, 'norm' | 'epsilon' | 'steps' | 'dithering' | 'target'> {
  /** Models with the inputs and the classes of the model under test. */
  readonly surrogates: readonly Classifier[]
}

/**
 * Black-box ensemble attack: norm-constrained steps on the average cross-entropy of other models, in the hope that what
 * fools them fools the model under test, which is only asked for its class, once per step. By default one step, without
 * dithering.
 * Tramèr et al., "Ensemble adversarial training: attacks and defenses", ICLR 2018.
 * @throws SettingsError when a setting makes no sense.
 */
export function ensemble(settings: EnsembleSettings): Attack {
  const {
    surrogates,
    norm = 'linf',
    epsilon,
    steps = 1,
    dithering = 0,
    target,
    ...others
  } = settingsOf('ensemble', settings, '{ surrogates: [model], epsilon: 0.1 }')
  refuseUnknown('ensemble', others)
  // Without them it would be another attack, on the model itself.
  checkList('ensemble', 'surrogates', surrogates, 'description', 'models')
  return normConstrained('ensemble', { surrogates, norm, epsilon, steps, dithering, target }, { loss: 'cross-entropy' })
}
