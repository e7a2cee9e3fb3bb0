import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkNorm, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { almaFeatureState, almaGraph, almaState } from './alma-graph.js'
import { runClosest } from './run-closest.js'

export interface AlmaSettings {
  /** Default `l2`. */
  readonly norm?: 'l2' | 'l1'
  /**
   * What is to rise above zero. `lead` (default): the logit of the class aimed at over that of the label. `dlr`: the paper's
   * difference of logits ratio, whose class may change on the way, so that `targetClasses` has no effect.
   */
  readonly loss?: 'lead' | 'dlr'
  /** Gradient evaluations per sample, shared by the classes that are aimed at. Default 300; the paper takes 100 or 1000. */
  readonly steps?: number
  /**
   * First step of RMSProp, in units of the root mean square change of a feature on the way to the linearised boundary;
   * it falls to a hundredth. Default 0.7.
   */
  readonly learningRate?: number
  /** How many classes are aimed at, one after the other: those whose linearised boundaries are nearest. Default 2. */
  readonly targetClasses?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

// The paper's α for a thousand steps.
const alpha = 0.9

/**
 * The augmented Lagrangian method for adversarial attacks: minimises the distance under the constraint that another class
 * leads, whose Lagrange multiplier is learnt on the way, by RMSProp with momentum. Given many steps it passes the kinks at
 * which other attacks end. A minimal-distance attack in ℓ2 or ℓ1.
 * Rony, Granger, Pedersoli, Ben Ayed, "Augmented Lagrangian adversarial attacks", ICCV 2021. Departures: by
 * default several classes are aimed at, one after the other; the constraint is in units of its value at the sample, step
 * lengths are relative to the linearised distance, not in units of images in [0, 1]; the result is moved to the boundary by
 * bisection.
 * @throws SettingsError when a setting makes no sense.
 */
export function alma(settings: AlmaSettings = {}): Attack {
  const {
    norm = 'l2',
    steps = 300,
    loss = 'lead',
    learningRate = 0.7,
    targetClasses = 2,
    target,
    ...others
  } = settingsOf('alma', settings, "{ norm: 'l2' }")
  refuseUnknown('alma', others)
  checkNorm('alma', norm, ['l2', 'l1'])
  checkCount('alma', 'steps', steps)
  if (loss !== 'lead' && loss !== 'dlr') {
    throw new SettingsError(`alma takes the losses lead and dlr; loss is ${JSON.stringify(loss)}.`)
  }
  checkPositive('alma', 'learningRate', learningRate)
  checkCount('alma', 'targetClasses', targetClasses)
  checkTarget('alma', target)
  const classes = loss === 'dlr' ? 1 : targetClasses
  return {
    name: 'alma',
    kind: 'minimal-distance',
    norm,
    target,
    settings: {
      norm,
      loss,
      steps,
      learningRate,
      ...(target === undefined ? { targetClasses: classes } : { target: recorded(target) }),
    },
    run(context) {
      const { model } = context
      const fixed = { norm, loss, learningRate, alpha, domain: model.domain } as const
      return runClosest(context, {
        norm,
        steps,
        targetClasses: classes,
        carried: almaState,
        carriedPerFeature: almaFeatureState,
        graph: (steps, targeted) =>
          model.compile(`alma ${norm} ${loss} ${steps} ${learningRate} ${targeted}`, () =>
            almaGraph(model.graph, { ...fixed, steps, targeted }),
          ),
      })
    },
  }
}
