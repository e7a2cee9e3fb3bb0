import { refuseUnknown, settingsOf } from '../../arguments.js'
import { roomWithin, steepestStep } from '../../geometry/steepest-step.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { rowOf } from '../../sampling/rows.js'
import { checkCount, checkPositive, recorded } from '../check-settings.js'
import type { Subsets } from '../perturbation-analysis/best-subset.js'
import { checkDither } from './check-dither.js'
import { ditheredInputs } from './dither.js'
import { gradientCost, lossGradient } from './output-loss.js'
import type { RegressionAttack, RegressionAttackContext, RegressionCandidates } from './regression-attack.js'
import { recordedSubsets, type SubsetSettings, subsetsOf } from './subsets.js'

export interface LinearPixelSettings extends SubsetSettings {
  /** Largest change of a feature, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Subsets that are changed, one more at each iteration and none of them twice. Default 1. */
  readonly steps?: number
  /** Largest ℓ∞ norm, as a share of epsilon, of the random offset at which the first gradient is taken. Default 0.2. */
  readonly dither?: number
}

/**
 * linear-pixel-T: in each iteration the subset of features (a pixel) with the largest linearised error moves by epsilon
 * along the signs of the gradient, as far as the domain lets it. Costs one gradient per iteration. Balda, Behboodi and
 * Mathar, "Perturbation Analysis of Learning Algorithms", eq. 21 and 22 (single subset: steps 1) and §V.
 * @throws SettingsError when a setting makes no sense.
 */
export function linearPixel(settings: LinearPixelSettings): RegressionAttack {
  const {
    epsilon,
    steps = 1,
    dither = 0.2,
    subsets,
    channelAxis,
    ...others
  } = settingsOf('linearPixel', settings, '{ epsilon: 0.1 }')
  refuseUnknown('linearPixel', others)
  const partition = { subsets, channelAxis }
  checkPositive('linearPixel', 'epsilon', epsilon)
  checkCount('linearPixel', 'steps', steps)
  checkDither('linearPixel', dither)
  return {
    name: 'linearPixel',
    kind: 'regression',
    norm: 'linf',
    epsilon,
    settings: { epsilon: recorded(epsilon), steps, dither, ...recordedSubsets(partition) },
    run: (context) => run(context, { steps, dither, subsets: subsetsOf(context.model.featureShape, partition) }),
  }
}

async function run(
  context: RegressionAttackContext,
  { steps, dither, subsets }: { steps: number; dither: number; subsets: Subsets },
): Promise<RegressionCandidates> {
  const { model, inputs, epsilons } = context
  const size = model.domain.lower.length
  const adversarial = new Float32Array(inputs.data)
  const unused = Array.from(epsilons, () => new Set(subsets))
  const iterations = Math.min(steps, subsets.length)
  for (let step = 0; step < iterations; step++) {
    const points = step === 0 ? ditheredInputs(context, 'linf', dither) : adversarial
    const gradients = await lossGradient(context, points)
    if (!gradients) return { adversarial, ...gradientCost(context, step), interrupted: true }
    epsilons.forEach((epsilon, sample) => {
      const gradient = rowOf(gradients, size, sample)
      const point = rowOf(adversarial, size, sample)
      const move = steepestStep(gradient, 'linf', epsilon, roomWithin(point, model.domain))
      const gain = (subset: readonly number[]) =>
        subset.reduce((sum, feature) => sum + gradient[feature] * move[feature], 0)
      const best = largest(unused[sample], gain)
      unused[sample].delete(best)
      for (const feature of best) point[feature] += move[feature]
    })
    context.progress((step + 1) / iterations)
  }
  return { adversarial, ...gradientCost(context, iterations), interrupted: false }
}

function largest<Item>(items: Iterable<Item>, measure: (item: Item) => number): Item {
  let best: { readonly item: Item; readonly value: number } | undefined
  for (const item of items) {
    const value = measure(item)
    if (!best || value > best.value) best = { item, value }
  }
  return best!.item
}
