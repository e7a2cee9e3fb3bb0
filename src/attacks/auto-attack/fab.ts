import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { Norm } from '../../geometry/norm.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkNorm, checkTarget, recorded } from '../check-settings.js'
import { likelyRivals } from '../iteration/likely-rivals.js'
import { unchanged } from '../iteration/run-loop.js'
import { runFab } from './run-fab.js'

export interface FabSettings {
  /** Default `l2`. */
  readonly norm?: Norm
  /** Default 100. */
  readonly steps?: number
  /** Largest weight of the step that starts at the sample rather than at the current point. Default 0.1. */
  readonly alphaMax?: number
  /** How far the steps go, where 1 ends on the linearised boundary. Default 1.05. */
  readonly eta?: number
  /** Once adversarial, the point returns to this fraction of its way from the sample. Default 0.9. */
  readonly beta?: number
  /**
   * Runs: the first from the sample, further ones from random points at half of the distance found so far. Default 1.
   */
  readonly restarts?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Fast adaptive boundary attack: steps onto the nearest of the linearised class boundaries, drawn towards the sample, and
 * back again whenever a point is adversarial; the closest adversarial point is kept and moved to the boundary. With a target
 * the boundary that lies furthest ahead takes the place of the nearest. A minimal-distance attack; where an attack that
 * contains it has a radius, samples fooled within it leave.
 * Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack", ICML 2020, Algorithm 1.
 * @throws SettingsError when a setting makes no sense.
 */
export function fab(settings: FabSettings = {}): Attack {
  const { target, ...others } = settingsOf('fab', settings, "{ norm: 'l2' }")
  checkTarget('fab', target)
  const chosen = withDefaults('fab', others)
  const { norm } = chosen
  return {
    name: 'fab',
    kind: 'minimal-distance',
    norm,
    target,
    settings: { ...chosen, ...(target !== undefined && { target: recorded(target) }) },
    async run(context) {
      const { model, inputs, labels, targets } = context
      const candidates = unchanged(context)
      const around = { model, inputs, labels: targets ?? labels }
      const rivals = await likelyRivals(around, model.classes - 1, candidates.forwardQueries)
      return runFab(context, candidates, chosen, [rivals])
    },
  }
}

export interface FabTargetedSettings extends Omit<FabSettings, 'target'> {
  /** How many classes to aim at, the likeliest first; with fewer classes all but the label. Default 9. */
  readonly targets?: number
}

/**
 * FAB-T of AutoAttack: {@link fab} with the boundary to one likely class after the other. Any class but the label counts as
 * success. A step needs one gradient, whatever the number of classes.
 * Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * ICML 2020, section 4.
 * @throws SettingsError when a setting makes no sense.
 */
export function fabTargeted(settings: FabTargetedSettings = {}): Attack {
  const { targets = 9, ...others } = settingsOf('fabTargeted', settings, "{ norm: 'l2' }")
  checkCount('fabTargeted', 'targets', targets)
  const chosen = withDefaults('fabTargeted', others)
  const { norm } = chosen
  return {
    name: 'fabTargeted',
    kind: 'minimal-distance',
    norm,
    settings: { ...chosen, targets },
    async run(context) {
      const candidates = unchanged(context)
      const rivals = await likelyRivals(context, targets, candidates.forwardQueries)
      return runFab(
        context,
        candidates,
        chosen,
        rivals.map((rival) => [rival]),
      )
    },
  }
}

function withDefaults(attack: string, given: Omit<FabSettings, 'target'>): Required<Omit<FabSettings, 'target'>> {
  const { norm = 'l2', steps = 100, alphaMax = 0.1, eta = 1.05, beta = 0.9, restarts = 1, ...others } = given
  refuseUnknown(attack, others)
  checkNorm(attack, norm)
  checkCount(attack, 'steps', steps)
  checkCount(attack, 'restarts', restarts)
  const within = (name: string, value: number, low: number, high: number) => {
    if (value >= low && value <= high) return
    throw new SettingsError(`${attack}: ${name} must be from ${low} to ${high}; it is ${value}.`)
  }
  within('alphaMax', alphaMax, 0, 1)
  within('eta', eta, 1, 2)
  within('beta', beta, 0, 1)
  return { norm, steps, alphaMax, eta, beta, restarts }
}
