import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import { roomWithin, steepestStep } from '../../geometry/steepest-step.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { rowOf } from '../../sampling/rows.js'
import { checkCount, checkExponent, checkPositive, recorded } from '../check-settings.js'
import { checkDither } from './check-dither.js'
import { ditheredInputs } from './dither.js'
import { gradientCost, lossGradient } from './output-loss.js'
import type { RegressionAttack, RegressionAttackContext, RegressionCandidates } from './regression-attack.js'

export interface LinearSettings {
  /** `linf`, or `l` with any exponent of at least 1. Default `linf`. */
  readonly norm?: AttackNorm
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Iterations, each a step of norm epsilon / steps. Default 20. */
  readonly steps?: number
  /**
   * Largest norm, as a share of epsilon, of the random offset at which the first gradient is taken. Default 1. Without it
   * that gradient is zero where targets are the model's own outputs, and a small one shows less of where errors grow.
   */
  readonly dither?: number
}

/**
 * linear-ℓp-T: steps along the linearised error, each the exact maximiser over the ball of radius epsilon / steps and the
 * domain. Costs one gradient per step. Balda, Behboodi and Mathar, "Perturbation Analysis of Learning Algorithms",
 * eq. 15 and Algorithm 1.
 * @throws SettingsError when a setting makes no sense.
 */
export function linear(settings: LinearSettings): RegressionAttack {
  const {
    norm = 'linf',
    epsilon,
    steps = 20,
    dither = 1,
    ...others
  } = settingsOf('linear', settings, '{ epsilon: 0.1 }')
  refuseUnknown('linear', others)
  checkExponent('linear', norm)
  checkPositive('linear', 'epsilon', epsilon)
  checkCount('linear', 'steps', steps)
  checkDither('linear', dither)
  return {
    name: 'linear',
    kind: 'regression',
    norm,
    epsilon,
    settings: { norm, epsilon: recorded(epsilon), steps, dither },
    run: (context) => run(context, { norm, steps, dither }),
  }
}

async function run(
  context: RegressionAttackContext,
  { norm, steps, dither }: { norm: AttackNorm; steps: number; dither: number },
): Promise<RegressionCandidates> {
  const { model, inputs, epsilons } = context
  const size = model.domain.lower.length
  const adversarial = new Float32Array(inputs.data)
  for (let step = 0; step < steps; step++) {
    const points = step === 0 ? ditheredInputs(context, norm, dither) : adversarial
    const gradients = await lossGradient(context, points)
    if (!gradients) return { adversarial, ...gradientCost(context, step), interrupted: true }
    epsilons.forEach((epsilon, sample) => {
      const point = rowOf(adversarial, size, sample)
      const move = steepestStep(rowOf(gradients, size, sample), norm, epsilon / steps, roomWithin(point, model.domain))
      for (let feature = 0; feature < size; feature++) point[feature] += move[feature]
      projectOntoBall(point, { norm, center: rowOf(inputs.data, size, sample), radius: epsilon }, model.domain)
    })
    context.progress((step + 1) / steps)
  }
  return { adversarial, ...gradientCost(context, steps), interrupted: false }
}
