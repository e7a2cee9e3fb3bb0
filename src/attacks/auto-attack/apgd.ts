import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { Norm } from '../../geometry/norm.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkNorm, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { unchanged } from '../iteration/run-loop.js'
import type { ApgdLoss } from './apgd-graph.js'
import { runApgd } from './run-apgd.js'

export interface ApgdSettings {
  /** Default `linf`. */
  readonly norm?: Norm
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /**
   * `dlr`, the difference of logits ratio, does not depend on the scale of the logits. It needs three classes, with a
   * target four, and is the margin where there are fewer. Default `cross-entropy`.
   */
  readonly loss?: ApgdLoss
  /** Default 100. */
  readonly steps?: number
  /** A step size stays when the loss grows in more than this share of its steps, at most 1; not used in ℓ1. Default 0.75. */
  readonly rho?: number
  /** Runs from different starting points, for the samples that still stand. Default 1. */
  readonly restarts?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Auto-PGD: projected gradient ascent with momentum that needs no step size. It starts with twice the radius; at
 * checkpoints the step size of a sample that makes too little progress is halved, and the search goes on from the best
 * point. The first adversarial example on the way is kept. In ℓ1 the steps are sparse and start with the radius.
 * Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * ICML 2020, Algorithm 1; ℓ1: the same, "Mind the box: ℓ1-APGD for sparse adversarial attacks on image classifiers", ICML
 * 2021, Algorithm 1, with one radius, and with the number of features of a step rounded down so that it can reach one.
 * @throws SettingsError when a setting makes no sense.
 */
export function apgd(settings: ApgdSettings): Attack {
  const {
    norm = 'linf',
    epsilon,
    loss = 'cross-entropy',
    steps = 100,
    rho = 0.75,
    restarts = 1,
    target,
    ...others
  } = settingsOf('apgd', settings, '{ epsilon: 0.1 }')
  refuseUnknown('apgd', others)
  checkTarget('apgd', target)
  const chosen = { norm, loss, steps, rho, restarts }
  checkApgd('apgd', { ...chosen, epsilon })
  return {
    name: 'apgd',
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    target,
    settings: { ...chosen, epsilon: recorded(epsilon), ...(target !== undefined && { target: recorded(target) }) },
    run: (context) => runApgd(context, unchanged(context), chosen),
  }
}

/** @throws SettingsError when a setting of an Auto-PGD makes no sense. */
export function checkApgd(attack: string, settings: Required<Omit<ApgdSettings, 'target'>>): void {
  const { norm, epsilon, loss, steps, rho, restarts } = settings
  checkNorm(attack, norm)
  checkPositive(attack, 'epsilon', epsilon)
  checkCount(attack, 'steps', steps)
  checkCount(attack, 'restarts', restarts)
  if (!(rho > 0 && rho <= 1)) {
    throw new SettingsError(`${attack}: rho must be above 0 and at most 1; it is ${rho}.`)
  }
  if (!['cross-entropy', 'dlr', 'margin'].includes(loss)) {
    throw new SettingsError(
      `${attack} takes the losses cross-entropy, dlr and margin; loss is ${JSON.stringify(loss)}.`,
    )
  }
}
