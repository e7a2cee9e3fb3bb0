import { SettingsError } from '../../errors.js'
import { elementCount } from '../../graph/graph.js'
import { range } from '../../sampling/rows.js'
import type { Subsets } from '../perturbation-analysis/best-subset.js'

export interface SubsetSettings {
  /** Features that are changed together, by flat position in one sample. Default: the pixels, all channels of each. */
  readonly subsets?: Subsets
  /** Axis of the channels, counted with the batch axis, for the default subsets of an image. Default 1 (NCHW). */
  readonly channelAxis?: number
}

/**
 * The subsets that settings ask for. The features of a sample with less than three axes are pixels themselves.
 * @throws SettingsError when subsets overlap or name features that the model does not have.
 */
export function subsetsOf(featureShape: readonly number[], { subsets, channelAxis = 1 }: SubsetSettings): Subsets {
  const count = elementCount(featureShape)
  if (!subsets) return pixels(featureShape, channelAxis)
  const seen = new Set<number>()
  for (const feature of subsets.flat()) {
    if (!(Number.isInteger(feature) && feature >= 0 && feature < count)) {
      throw new SettingsError(`subsets name feature ${feature}; the model has features 0 to ${count - 1}.`)
    }
    if (seen.has(feature)) throw new SettingsError(`Feature ${feature} is in two subsets; subsets must not overlap.`)
    seen.add(feature)
  }
  if (subsets.length > 0 && subsets.every((subset) => subset.length > 0)) return subsets
  throw new SettingsError('There must be at least one subset, and none of them may be empty.')
}

function pixels(featureShape: readonly number[], channelAxis: number): Subsets {
  const axis = channelAxis - 1
  if (featureShape.length < 3) return range(elementCount(featureShape)).map((feature) => [feature])
  if (!(Number.isInteger(axis) && axis >= 0 && axis < featureShape.length)) {
    throw new SettingsError(
      `channelAxis is ${channelAxis}; it must be an axis of the input, from 1 to ${featureShape.length}.`,
    )
  }
  const inner = elementCount(featureShape.slice(axis + 1))
  const channels = featureShape[axis]
  const outer = elementCount(featureShape.slice(0, axis))
  return range(outer * inner).map((pixel) => {
    const first = Math.floor(pixel / inner) * channels * inner + (pixel % inner)
    return range(channels).map((channel) => first + channel * inner)
  })
}

/** How settings of subsets are recorded. */
export function recordedSubsets({ subsets, channelAxis = 1 }: SubsetSettings): Record<string, string | number> {
  return subsets ? { subsets: `${subsets.length} given` } : { subsets: 'pixels', channelAxis }
}
