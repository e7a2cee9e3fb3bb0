import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import { perturbationOnSphere } from '../../geometry/random-perturbation.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { rowOf } from '../../sampling/rows.js'
import { checkCount, checkExponent, checkPositive, recorded } from '../check-settings.js'
import type { RegressionAttack } from './regression-attack.js'
import { worstOfRepeats } from './worst-of-repeats.js'

export interface RandomLpSettings {
  /** `linf`, or `l` with any exponent of at least 1. Default `linf`. */
  readonly norm?: AttackNorm
  /** Norm of the noise, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Noises tried on each sample, of which the worst is kept. Default 1. */
  readonly repeats?: number
}

/**
 * random-ℓp, the baseline that an attack must beat: noise on the surface of the ball (±epsilon per feature for ℓ∞, a
 * scaled Gaussian for ℓ2, a scaled Laplacian for ℓ1), clipped to the domain. Balda, Behboodi and Mathar, "Perturbation
 * Analysis of Learning Algorithms", §VI-B.
 * @throws SettingsError when a setting makes no sense.
 */
export function randomLp(settings: RandomLpSettings): RegressionAttack {
  const { norm = 'linf', epsilon, repeats = 1, ...others } = settingsOf('randomLp', settings, '{ epsilon: 0.1 }')
  refuseUnknown('randomLp', others)
  checkExponent('randomLp', norm)
  checkPositive('randomLp', 'epsilon', epsilon)
  checkCount('randomLp', 'repeats', repeats)
  return {
    name: 'randomLp',
    kind: 'regression',
    norm,
    epsilon,
    settings: { norm, epsilon: recorded(epsilon), repeats },
    run: (context) =>
      worstOfRepeats(context, repeats, (point, sample) => {
        const { model, inputs, random } = context
        const radius = context.epsilons[sample]
        const noise = perturbationOnSphere(norm, radius, point.length, random[sample])
        for (let feature = 0; feature < point.length; feature++) point[feature] += noise[feature]
        projectOntoBall(point, { norm, center: rowOf(inputs.data, point.length, sample), radius }, model.domain)
      }),
  }
}
