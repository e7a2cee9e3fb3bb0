import type { Attack } from '../attack.js'
import { type MinimumNormSettings, minimumNorm } from './minimum-norm.js'

export type DeepFoolSettings = Omit<MinimumNormSettings, 'step'>

/**
 * DeepFool: minimum-norm steps to the nearest of the linearised class boundaries until the class changes, then back
 * to the boundary. A minimal-distance attack; steps stay inside the domain.
 * Moosavi-Dezfooli, Fawzi, Frossard, "DeepFool: a simple and accurate method to fool deep neural networks", CVPR 2016.
 * @throws SettingsError when a setting makes no sense.
 */
export function deepFool(settings: DeepFoolSettings = {}): Attack {
  return minimumNorm('deepFool', settings)
}
