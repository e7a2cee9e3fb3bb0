import type { RandomSource } from '../../sampling/random.js'

/** How Square sees one input: channels of height × width, whatever the order of its axes. */
export interface FeatureGrid {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** Position of a feature within its sample. */
  index(channel: number, row: number, column: number): number
}

/** A rectangle of the grid. */
export interface Patch {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

// Where channels are the last axis, they are few: grey and alpha, red green blue, and alpha.
const mostLastChannels = 4

/**
 * The last two axes are height and width, those before them channels. Axes of size 1 do not count. Of three axes the
 * last is the channels' where it is too short for a width; a single axis is an image of height 1.
 */
export function featureGrid(featureShape: readonly number[]): FeatureGrid {
  const axes = featureShape.filter((size) => size > 1)
  if (axes.length === 3 && axes[2] <= mostLastChannels && axes[2] < axes[0]) {
    const [height, width, channels] = axes
    return { channels, height, width, index: (channel, row, column) => (row * width + column) * channels + channel }
  }
  const [height, width] = [1, 1, ...axes].slice(-2)
  const channels = axes.slice(0, -2).reduce((product, size) => product * size, 1)
  return { channels, height, width, index: (channel, row, column) => (channel * height + row) * width + column }
}

/**
 * A patch at a random place that covers the fraction `p` of the grid: a square or, where the grid is too narrow for it,
 * a rectangle of the same area. No side is below `least`, where the grid allows that.
 */
export function drawPatch({ height, width }: FeatureGrid, p: number, random: RandomSource, least = 1): Patch {
  const area = p * height * width
  const side = (other: number, most: number) =>
    Math.min(most, Math.max(least, Math.round(Math.max(Math.sqrt(area), area / other))))
  const rows = side(width, height)
  const columns = side(height, width)
  return {
    top: below(height - rows + 1, random),
    left: below(width - columns + 1, random),
    height: rows,
    width: columns,
  }
}

/** Positions of a patch in one channel, row by row. */
export function featuresOf(grid: FeatureGrid, { top, left, height, width }: Patch, channel: number): number[] {
  const features: number[] = []
  for (let row = top; row < top + height; row++) {
    for (let column = left; column < left + width; column++) features.push(grid.index(channel, row, column))
  }
  return features
}

function below(count: number, random: RandomSource): number {
  return Math.floor(random.uniform() * count)
}
