import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkGamma, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { ddnGraph } from './ddn-graph.js'
import { runClosest } from './run-closest.js'

export interface DdnSettings {
  /** Gradient evaluations per sample, shared by the classes that are aimed at. Default 100. */
  readonly steps?: number
  /** By what fraction the norm of the perturbation changes in the first step; it falls to a fiftieth. Default 0.05. */
  readonly gamma?: number
  /**
   * First norm of the perturbation and length of the first step, in input units. Default: for each sample the distance to
   * the linearised boundary. The paper's is 1, for images in [0, 1].
   */
  readonly initialEpsilon?: number
  /** How many classes are aimed at, one after the other: those whose linearised boundaries are nearest. Default 2. */
  readonly targetClasses?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Decoupled direction and norm: steps along the gradient, each followed by setting the norm of the perturbation, which
 * shrinks inside the boundary and grows outside. A minimal-distance attack in ℓ2.
 * Rony et al., "Decoupling direction and norm for efficient gradient-based ℓ2 adversarial attacks and defenses", CVPR
 * 2019. Departures: no rounding to 8 bits; the loss is the lead of the class aimed at, so that confident samples do not
 * saturate; steps leave out what leads out of the domain; gamma falls along a cosine, as the step does; the result is
 * moved to the boundary.
 * @throws SettingsError when a setting makes no sense.
 */
export function ddn(settings: DdnSettings = {}): Attack {
  const {
    steps = 100,
    gamma = 0.05,
    initialEpsilon,
    targetClasses = 2,
    target,
    ...others
  } = settingsOf('ddn', settings, '{ steps: 100 }')
  refuseUnknown('ddn', others)
  checkCount('ddn', 'steps', steps)
  checkGamma('ddn', gamma)
  if (initialEpsilon !== undefined) checkPositive('ddn', 'initialEpsilon', initialEpsilon)
  checkCount('ddn', 'targetClasses', targetClasses)
  checkTarget('ddn', target)
  return {
    name: 'ddn',
    kind: 'minimal-distance',
    norm: 'l2',
    target,
    settings: {
      steps,
      gamma,
      initialEpsilon: initialEpsilon ?? 'estimated',
      ...(target === undefined ? { targetClasses } : { target: recorded(target) }),
    },
    run(context) {
      const { model } = context
      const fixed = { gamma: [gamma, gamma / 50], alpha: [1, 0.01], domain: model.domain } as const
      return runClosest(context, {
        norm: 'l2',
        steps,
        targetClasses,
        carried: { epsilon: initialEpsilon ?? 0, unit: 0, iteration: 0 },
        graph: (steps, targeted) =>
          model.compile(`ddn ${steps} ${gamma} ${targeted}`, () =>
            ddnGraph(model.graph, { ...fixed, steps, targeted }),
          ),
      })
    },
  }
}
