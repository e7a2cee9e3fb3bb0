import { refuseUnknown, settingsOf } from '../../arguments.js'
import { clipToDomain } from '../../geometry/projection.js'
import { largestBatch } from '../../model/predict-classes.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { moveToBoundary } from '../iteration/move-to-boundary.js'
import { unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { adversarialLoss, lossAtSamples, lossCopies } from '../minimal-distance/adversarial-loss.js'

export interface IterativePerturbationSettings {
  /** Step of every feature, in input units. */
  readonly stepSize: number
  /** Most steps. Default 100. */
  readonly steps?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Iterative perturbation: fast gradient sign steps, each with the gradient where the last one ended and clipped to the
 * domain, until the class changes; then back to the boundary. A minimal-distance attack in ℓ∞.
 * Peck, "Lower bounds on the robustness to adversarial perturbations", section 2.7; for its sequences of images there is
 * {@link perturbationSequence}.
 * @throws SettingsError when a setting makes no sense.
 */
export function iterativePerturbation(settings: IterativePerturbationSettings): Attack {
  const {
    stepSize,
    steps = 100,
    target,
    ...others
  } = settingsOf('iterativePerturbation', settings, '{ stepSize: 0.01 }')
  refuseUnknown('iterativePerturbation', others)
  checkPositive('iterativePerturbation', 'stepSize', stepSize)
  checkCount('iterativePerturbation', 'steps', steps)
  checkTarget('iterativePerturbation', target)
  return {
    name: 'iterativePerturbation',
    kind: 'minimal-distance',
    norm: 'linf',
    target,
    settings: { stepSize, steps, ...(target !== undefined && { target: recorded(target) }) },
    run: (context) => run(context, stepSize, steps),
  }
}

const tolerance = 2 ** -16

async function run(context: AttackContext, stepSize: number, most: number): Promise<AttackCandidates> {
  const { model, inputs, labels, budget } = context
  const size = model.domain.lower.length
  const candidates = unchanged(context)
  const { adversarial, steps, gradientQueries, forwardQueries, vanishedGradients } = candidates
  const parts = batches(range(labels.length), largestBatch(model, lossCopies))
  for (const [index, samples] of parts.entries()) {
    let moving = samples
    for (let step = 0; step < most && moving.length > 0; step++) {
      if (!(await budget.next())) return { ...candidates, interrupted: true }
      const points = takeSamples({ ...inputs, data: adversarial }, moving)
      const loss = await (step === 0
        ? lossAtSamples(context, moving)
        : adversarialLoss(context, points, moving, { scale: 'usual' }))
      moving = moving.filter((sample, row) => {
        gradientQueries[sample]++
        if (loss.adversarial[row]) return false
        const [point, gradient, before] = [
          rowOf(adversarial, size, sample),
          rowOf(loss.gradients, size, row),
          rowOf(points.data, size, row),
        ]
        if (gradient.some((derivative) => derivative !== 0)) vanishedGradients[sample] = 0
        gradient.forEach((derivative, feature) => {
          point[feature] -= stepSize * Math.sign(derivative)
        })
        clipToDomain(point, model.domain)
        if (point.every((coordinate, feature) => coordinate === before[feature])) return false
        steps[sample]++
        return true
      })
      context.progress((index + (step + 1) / most) / parts.length)
    }
    const standing = await stillStanding(context, adversarial, samples, forwardQueries)
    const fooled = samples.filter((sample) => !standing.includes(sample))
    if (!(await moveToBoundary(context, adversarial, fooled, tolerance, forwardQueries))) {
      return { ...candidates, interrupted: true }
    }
  }
  return candidates
}
