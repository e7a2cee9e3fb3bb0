import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { Attack } from '../attack.js'
import { type MinimumNormSettings, minimumNorm } from './minimum-norm.js'
import { type NormConstrainedSettings, normConstrained } from './norm-constrained.js'

export type PerturbationAnalysisSettings = NormConstrainedSettings | MinimumNormSettings

/**
 * The construction behind first-order attacks: linearise a loss, take the best step in closed form, iterate. With
 * `norm-constrained` steps the loss falls as far as it can in a ball of radius epsilon; with `minimum-norm` steps the
 * margin is closed by a perturbation as small as possible. fgsm, rfgsm, bim, pgd, gnm, algorithm1, algorithm2, deepFool
 * and ensemble are this with some of the settings fixed.
 * Balda, Behboodi, Mathar, "Perturbation analysis of learning algorithms: generation of adversarial examples from
 * classification to regression", 2018.
 * @throws SettingsError when a setting makes no sense.
 */
export function perturbationAnalysis(settings: PerturbationAnalysisSettings): Attack {
  const name = 'perturbationAnalysis'
  const given = settingsOf(name, settings, '{ epsilon: 0.1 }')
  if (given.step === 'minimum-norm') {
    const { step, ...chosen } = given
    const attack = minimumNorm(name, chosen)
    return { ...attack, settings: { step, ...attack.settings } }
  }
  const {
    step = 'norm-constrained',
    loss = 'margin',
    norm = 'linf',
    epsilon,
    steps = 1,
    stepSize,
    randomStart = false,
    dithering = 0,
    restarts = 1,
    target,
    subsets,
    surrogates,
    ...others
  } = given
  refuseUnknown(name, others)
  if (step !== 'norm-constrained') {
    throw new SettingsError(`${name}: step is norm-constrained or minimum-norm; it is ${JSON.stringify(step)}.`)
  }
  return normConstrained(name, {
    step,
    loss,
    norm,
    epsilon,
    steps,
    stepSize,
    randomStart,
    dithering,
    restarts,
    target,
    subsets,
    surrogates,
  })
}
