import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Attack } from '../attack.js'
import { checkCount, recorded } from '../check-settings.js'
import { likelyRivals } from '../iteration/likely-rivals.js'
import { unchanged } from '../iteration/run-loop.js'
import { type ApgdSettings, checkApgd } from './apgd.js'
import { runApgd } from './run-apgd.js'

export interface ApgdTargetedSettings extends Omit<ApgdSettings, 'target' | 'loss'> {
  /**
   * `dlr` is the margin of the target relative to how far the largest logit lies above the third and fourth; with fewer
   * than four classes the margin itself. Default `dlr`.
   */
  readonly loss?: ApgdSettings['loss']
  /** How many classes to aim at, the likeliest first; with fewer classes all but the label. Default 9. */
  readonly targets?: number
}

/**
 * APGD-T of AutoAttack: Auto-PGD towards one likely class after the other, on the samples that still stand. Any class but
 * the label counts as success. It costs up to `targets` times what {@link apgd} does.
 * Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * ICML 2020, section 4.
 * @throws SettingsError when a setting makes no sense.
 */
export function apgdTargeted(settings: ApgdTargetedSettings): Attack {
  const {
    norm = 'linf',
    epsilon,
    loss = 'dlr',
    steps = 100,
    rho = 0.75,
    restarts = 1,
    targets = 9,
    ...others
  } = settingsOf('apgdTargeted', settings, '{ epsilon: 0.1 }')
  refuseUnknown('apgdTargeted', others)
  const chosen = { norm, loss, steps, rho, restarts }
  checkApgd('apgdTargeted', { ...chosen, epsilon })
  checkCount('apgdTargeted', 'targets', targets)
  return {
    name: 'apgdTargeted',
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    settings: { ...chosen, epsilon: recorded(epsilon), targets },
    async run(context) {
      const candidates = unchanged(context)
      const rivals = await likelyRivals(context, targets, candidates.forwardQueries)
      return runApgd(context, candidates, chosen, rivals)
    },
  }
}
