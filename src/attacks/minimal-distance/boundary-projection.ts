import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkNorm, checkTarget, recorded, recordedAttacks } from '../check-settings.js'
import { checkStarts } from './check-starts.js'
import { fmn } from './fmn.js'
import { runBoundaryProjection } from './run-boundary-projection.js'

export interface BoundaryProjectionSettings {
  /** Default `l2`. */
  readonly norm?: 'linf' | 'l2'
  /**
   * Minimal-distance attacks: the closest adversarial example that any of them finds for a sample is improved. Default: `fmn`
   * in the same norm.
   */
  readonly starts?: readonly Attack[]
  /** Most gradients for each sample, besides those of the starts. Default 20. */
  readonly steps?: number
  /** Class to move all samples to, or one per sample; that of the starts. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Improves on other attacks: projects each sample onto the linearised decision boundary around the closest adversarial
 * example that they found, exactly and within the domain, and where the model has a kink onto the intersection of several
 * linearisations. Ends within about 1e-6 of a locally smallest distance where few kinks meet, and about 1e-4 where dozens
 * do; which local optimum that is depends on the starts. A minimal-distance attack in ℓ2 or ℓ∞.
 * The projection is that of Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack",
 * ICML 2020; the cuts are those of bundle methods: Noll, "Cutting plane oracles to minimize non-smooth non-convex functions",
 * Set-Valued and Variational Analysis, 2010.
 * @throws SettingsError when a setting makes no sense.
 */
export function boundaryProjection(settings: BoundaryProjectionSettings = {}): Attack {
  const name = 'boundaryProjection'
  const {
    norm = 'l2',
    target,
    starts = [fmn({ norm, ...(target !== undefined && { target }) })],
    steps = 20,
    ...others
  } = settingsOf(name, settings, "{ norm: 'l2' }")
  refuseUnknown(name, others)
  checkNorm(name, norm, ['l2', 'linf'])
  checkCount(name, 'steps', steps)
  checkTarget(name, target)
  checkStarts(name, starts, target)
  return {
    name,
    kind: 'minimal-distance',
    norm,
    target,
    settings: {
      norm,
      starts: recordedAttacks(starts, ['target']),
      steps,
      ...(target !== undefined && { target: recorded(target) }),
    },
    run: (context) => runBoundaryProjection(context, { norm, starts, steps }),
  }
}
