import { median } from '../../statistics/median.js'
import type { AttackedRegressionSample } from './regression-attack.js'

export interface RegressionFindings {
  readonly samples: readonly AttackedRegressionSample[]
  /** Targets that were given; undefined where they are the model's own outputs. */
  readonly targets: Float32Array | undefined
  readonly interrupted: boolean
}

/** Signs that a result says less about the model than it seems to: what was seen, what it means, what to do. */
export function regressionWarnings(findings: RegressionFindings): string[] {
  return [noSamples, poorOutputs, unmoved, interrupted]
    .map((warning) => warning(findings))
    .filter((warning) => warning !== undefined)
}

function noSamples({ samples }: RegressionFindings): string | undefined {
  return samples.length > 0 ? undefined : 'There are no samples, so nothing was tested.'
}

/** Raised when the mean of all targets would be closer to most of them than the model's outputs are. */
function poorOutputs({ samples, targets }: RegressionFindings): string | undefined {
  if (!targets || samples.length < 2) return undefined
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length
  const variance = targets.reduce((sum, target) => sum + (target - mean) ** 2, 0) / targets.length
  if (!(median(samples.map(({ clean }) => clean.mse)) > variance)) return undefined
  return 'Without any attack the outputs are further from the targets than the mean of all targets is. Check preprocessing, domain and the order of the targets.'
}

/** Raised when the attack left a tenth of the samples where they were, or did not raise their error. */
function unmoved({ samples, interrupted }: RegressionFindings): string | undefined {
  const loss = ({ mse, loss }: AttackedRegressionSample['clean']) => loss ?? mse
  const count = samples.filter(({ clean, attacked }) => !(loss(attacked) > loss(clean))).length
  if (interrupted || count === 0 || count < samples.length / 10) return undefined
  return `The attack did not raise the error of ${count} of ${samples.length} samples: their gradients may vanish, or the domain leaves no room. Try more dithering, another attack, or randomLp.`
}

function interrupted(findings: RegressionFindings): string | undefined {
  if (!findings.interrupted) return undefined
  return 'The time budget ended the attack early: errors might be larger after the rest of it. Allow more time, or attack fewer samples or with fewer steps.'
}
