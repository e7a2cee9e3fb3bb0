import { refuseUnknown, settingsOf } from '../../arguments.js'
import { clipToDomain } from '../../geometry/projection.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { checkCount, checkPositive, recorded } from '../check-settings.js'
import type { RegressionAttack } from './regression-attack.js'
import { recordedSubsets, type SubsetSettings, subsetsOf } from './subsets.js'
import { worstOfRepeats } from './worst-of-repeats.js'

export interface RandomPixelSettings extends SubsetSettings {
  /** Change of each feature of the chosen subsets, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Subsets that are changed. Default 1. */
  readonly pixels?: number
  /** Noises tried on each sample, of which the worst is kept. Default 1. */
  readonly repeats?: number
}

/**
 * random-pixel-T, the baseline of the attacks on single subsets: ±epsilon on the features of randomly chosen subsets
 * (pixels), clipped to the domain. Balda, Behboodi and Mathar, "Perturbation Analysis of Learning Algorithms", §VI-B.
 * @throws SettingsError when a setting makes no sense.
 */
export function randomPixel(settings: RandomPixelSettings): RegressionAttack {
  const {
    epsilon,
    pixels = 1,
    repeats = 1,
    subsets,
    channelAxis,
    ...others
  } = settingsOf('randomPixel', settings, '{ epsilon: 0.1 }')
  refuseUnknown('randomPixel', others)
  const partition = { subsets, channelAxis }
  checkPositive('randomPixel', 'epsilon', epsilon)
  checkCount('randomPixel', 'pixels', pixels)
  checkCount('randomPixel', 'repeats', repeats)
  return {
    name: 'randomPixel',
    kind: 'regression',
    norm: 'linf',
    epsilon,
    settings: { epsilon: recorded(epsilon), pixels, repeats, ...recordedSubsets(partition) },
    run: (context) => {
      const { model, epsilons, random } = context
      const subsets = subsetsOf(model.featureShape, partition)
      return worstOfRepeats(context, repeats, (point, sample) => {
        const { uniform } = random[sample]
        const left = [...subsets]
        for (let pixel = 0; pixel < Math.min(pixels, subsets.length); pixel++) {
          const [subset] = left.splice(Math.floor(uniform() * left.length), 1)
          for (const feature of subset) point[feature] += uniform() < 0.5 ? epsilons[sample] : -epsilons[sample]
        }
        clipToDomain(point, model.domain)
      })
    },
  }
}
