import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Norm } from '../../geometry/norm.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkGamma, checkNorm, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { fmnGraph } from './fmn-graph.js'
import { runClosest } from './run-closest.js'

export interface FmnSettings {
  /** Default `l2`. */
  readonly norm?: Norm | 'l0'
  /** Gradient evaluations per sample, shared by the classes that are aimed at. Default 100. */
  readonly steps?: number
  /**
   * ℓ2 norm of the first step, in units of the sample's ℓ2 distance to the linearised boundary; it falls to a hundredth.
   * Default 10 for `linf`, 1 otherwise.
   */
  readonly alpha?: number
  /** By what fraction the radius changes in the first step; it falls to a fiftieth. Default 0.05. */
  readonly gamma?: number
  /** How many classes are aimed at, one after the other: those whose linearised boundaries are nearest. Default 2. */
  readonly targetClasses?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * The fast minimum-norm attack: steps along the gradient, each followed by the projection onto a ball that shrinks inside
 * the boundary and grows outside. A minimal-distance attack in ℓ0, ℓ1, ℓ2 or ℓ∞.
 * Pintor, Roli, Brendel, Biggio, "Fast minimum-norm adversarial attacks through adaptive norm constraints", NeurIPS 2021.
 * Departures: steps and first-order distances leave out what leads out of the domain, and before anything is found the
 * radius never shrinks, without which the published attack stalls at the domain's bounds; untargeted, samples aim at the
 * nearest classes one by one, not at the largest logit; step lengths are relative, not in units of images in [0, 1]; the
 * result is moved to the boundary, in ℓ0 by undoing changes.
 * @throws SettingsError when a setting makes no sense.
 */
export function fmn(settings: FmnSettings = {}): Attack {
  const {
    norm = 'l2',
    steps = 100,
    alpha = norm === 'linf' ? 10 : 1,
    gamma = 0.05,
    targetClasses = 2,
    target,
    ...others
  } = settingsOf('fmn', settings, "{ norm: 'l2' }")
  refuseUnknown('fmn', others)
  checkNorm('fmn', norm, ['l0', 'l1', 'l2', 'linf'])
  checkCount('fmn', 'steps', steps)
  checkPositive('fmn', 'alpha', alpha)
  checkGamma('fmn', gamma)
  checkCount('fmn', 'targetClasses', targetClasses)
  checkTarget('fmn', target)
  return {
    name: 'fmn',
    kind: 'minimal-distance',
    norm,
    target,
    settings: {
      norm,
      steps,
      alpha,
      gamma,
      ...(target === undefined ? { targetClasses } : { target: recorded(target) }),
    },
    run(context) {
      const { model } = context
      const fixed = { norm, alpha: [alpha, alpha / 100], gamma: [gamma, gamma / 50], domain: model.domain } as const
      return runClosest(context, {
        norm,
        steps,
        targetClasses,
        carried: { epsilon: 0, unit: 0, iteration: 0 },
        graph: (steps, targeted) =>
          model.compile(`fmn ${norm} ${steps} ${alpha} ${gamma} ${targeted}`, () =>
            fmnGraph(model.graph, { ...fixed, steps, targeted }),
          ),
      })
    },
  }
}
