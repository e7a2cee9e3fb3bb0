import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkNorm, checkPositive, recorded } from '../check-settings.js'
import { square } from '../without-gradients/square.js'
import { apgd } from './apgd.js'
import { apgdTargeted } from './apgd-targeted.js'
import { fab, fabTargeted } from './fab.js'
import { firstSuccess } from './first-success.js'

export interface AutoAttackSettings {
  /** Default `linf`. */
  readonly norm?: 'linf' | 'l2'
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /**
   * `standard`: APGD on the cross-entropy, APGD-T, FAB-T and Square with 5000 queries. `plus`: APGD on cross-entropy and DLR
   * and FAB with 5 restarts each, Square, APGD-T and FAB-T. Default `standard`.
   */
  readonly version?: 'standard' | 'plus'
}

/**
 * AutoAttack: a fixed ensemble of attacks without settings of their own, each run on the samples that still stand.
 * Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * ICML 2020.
 * @throws SettingsError when a setting makes no sense.
 */
export function autoAttack(settings: AutoAttackSettings): Attack {
  const {
    norm = 'linf',
    epsilon,
    version = 'standard',
    ...others
  } = settingsOf('autoAttack', settings, '{ epsilon: 0.1 }')
  refuseUnknown('autoAttack', others)
  checkNorm('autoAttack', norm, ['linf', 'l2'])
  checkPositive('autoAttack', 'epsilon', epsilon)
  if (!(version in ensembles)) {
    throw new SettingsError(`autoAttack has the versions standard and plus; version is ${JSON.stringify(version)}.`)
  }
  const attacks = ensembles[version](norm, epsilon)
  return {
    ...firstSuccess(attacks),
    name: 'autoAttack',
    // Their settings go with the version.
    settings: { norm, epsilon: recorded(epsilon), version, attacks: attacks.map(({ name }) => name).join(', ') },
  }
}

type Ensemble = (norm: 'linf' | 'l2', epsilon: PerSample) => readonly Attack[]

const ensembles: Record<'standard' | 'plus', Ensemble> = {
  standard: (norm, epsilon) => [
    apgd({ norm, epsilon }),
    apgdTargeted({ norm, epsilon }),
    fabTargeted({ norm }),
    square({ norm, epsilon }),
  ],
  plus: (norm, epsilon) => [
    apgd({ norm, epsilon, restarts: 5 }),
    apgd({ norm, epsilon, loss: 'dlr', restarts: 5 }),
    fab({ norm, restarts: 5 }),
    square({ norm, epsilon }),
    apgdTargeted({ norm, epsilon }),
    fabTargeted({ norm }),
  ],
}
