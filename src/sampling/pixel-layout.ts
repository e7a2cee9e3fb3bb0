/** How the features of a sample are the pixels of an image. */
export interface PixelLayout {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** Index of a feature. */
  at(row: number, column: number, channel: number): number
}

/** Below it, features in rows and columns are a table rather than an image. */
const leastSide = 4

/**
 * The layout of shapes [channels, height, width], [height, width, channels] and [height, width], with one channel or three;
 * undefined where the features are no image.
 */
export function pixelLayout(featureShape: readonly number[]): PixelLayout | undefined {
  const channelsFirst = featureShape.length === 3 && isChannels(featureShape[0])
  const [height, width, channels = 1] = channelsFirst ? [...featureShape.slice(1), featureShape[0]] : featureShape
  if (featureShape.length < 2 || featureShape.length > 3) return undefined
  if (!isChannels(channels) || height < leastSide || width < leastSide) return undefined
  const at = channelsFirst
    ? (row: number, column: number, channel: number) => (channel * height + row) * width + column
    : (row: number, column: number, channel: number) => (row * width + column) * channels + channel
  return { width, height, channels, at }
}

function isChannels(size: number): size is 1 | 3 {
  return size === 1 || size === 3
}
