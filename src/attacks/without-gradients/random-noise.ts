import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Norm } from '../../geometry/norm.js'
import { perturbationOnSphere } from '../../geometry/random-perturbation.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { range } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkNorm, checkPositive, recorded } from '../check-settings.js'
import { perturbAtRandom } from '../iteration/perturb.js'
import { stillStanding } from '../iteration/still-standing.js'

export interface RandomNoiseSettings {
  /** Default `linf`. */
  readonly norm?: Norm
  /** Norm of the noise, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Noises tried on each sample. Default 10. */
  readonly repeats?: number
}

/**
 * The baseline that an attack must beat: noise on the surface of the ball (±epsilon per feature for ℓ∞, a scaled
 * Gaussian for ℓ2, a scaled Laplacian for ℓ1), clipped to the domain. Needs no gradients.
 * @throws SettingsError when a setting makes no sense.
 */
export function randomNoise(settings: RandomNoiseSettings): Attack {
  const { norm = 'linf', epsilon, repeats = 10, ...others } = settingsOf('randomNoise', settings, '{ epsilon: 0.1 }')
  refuseUnknown('randomNoise', others)
  checkNorm('randomNoise', norm)
  checkPositive('randomNoise', 'epsilon', epsilon)
  checkCount('randomNoise', 'repeats', repeats)
  return {
    name: 'randomNoise',
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    settings: { norm, epsilon: recorded(epsilon), repeats },
    run: (context) => run(context, norm, repeats),
  }
}

async function run(context: AttackContext, norm: Norm, repeats: number): Promise<AttackCandidates> {
  const { inputs, labels, budget } = context
  const adversarial = new Float32Array(inputs.data)
  const steps = new Int32Array(labels.length)
  const gradientQueries = new Int32Array(labels.length)
  const forwardQueries = new Int32Array(labels.length)
  const candidates = { adversarial, steps, gradientQueries, forwardQueries }
  let standing = range(labels.length)
  for (let repeat = 0; repeat < repeats && standing.length > 0; repeat++) {
    if (!(await budget.next())) return { ...candidates, interrupted: true }
    perturbAtRandom(context, norm, perturbationOnSphere, standing, adversarial)
    for (const sample of standing) steps[sample]++
    if (repeat + 1 < repeats) standing = await stillStanding(context, adversarial, standing, forwardQueries)
    // The last noise is classified when the candidates are re-checked.
    else for (const sample of standing) forwardQueries[sample]++
    context.progress((repeat + 1) / repeats)
  }
  return { ...candidates, interrupted: false }
}
