import { PNG } from 'pngjs'
import type { Domain } from '../geometry/domain.js'
import type { Model } from '../model/model.js'
import { type PixelLayout, pixelLayout } from '../sampling/pixel-layout.js'
import { rowOf } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'

/** One adversarial example to look at: three images of the same size, as PNG files in Base64. */
export interface Picture {
  readonly sample: number
  readonly original: string
  /** Adversarial − original, amplified; grey is unchanged. */
  readonly perturbation: string
  readonly adversarial: string
  /** The perturbation's factor: its largest change is as far from grey as black and white are. */
  readonly amplification: number
}

/** Enough to see what fools a model, and few enough to store with every check. */
export const mostPictures = 4

/** Larger images are reduced to so many pixels a side. */
const mostPixels = 64

/**
 * Pictures of the first few examples; undefined without any, and when the inputs are no images. Values are shown between the bounds of the
 * domain of their channel, the lower one black. Of a reduced image, each pixel is the one of its block that changes most.
 */
export function takePictures(
  { featureShape, domain }: Pick<Model, 'featureShape' | 'domain'>,
  { data }: Inputs,
  examples: readonly { readonly sample: number; readonly adversarial: Float32Array }[],
): Picture[] | undefined {
  const layout = pixelLayout(featureShape)
  if (!layout || examples.length === 0) return undefined
  const ranges = channelRanges(layout, domain)
  return examples.slice(0, mostPictures).map(({ sample, adversarial }) => {
    const original = rowOf(data, adversarial.length, sample)
    const shown = (values: Float32Array, feature: number, channel: number) => {
      const { lower, width } = ranges[channel]
      return width === 0 ? 0 : (values[feature] - lower) / width
    }
    const change = (feature: number, channel: number) =>
      shown(adversarial, feature, channel) - shown(original, feature, channel)
    const pixels = mostChanged(layout, change)
    const largest = Math.max(...pixels.places.map(({ size }) => size))
    const amplification = largest > 0 ? 0.5 / largest : 1
    const draw = (value: (feature: number, channel: number) => number) => encode(layout, pixels, value)
    return {
      sample,
      original: draw((feature, channel) => shown(original, feature, channel)),
      perturbation: draw((feature, channel) => 0.5 + amplification * change(feature, channel)),
      adversarial: draw((feature, channel) => shown(adversarial, feature, channel)),
      amplification,
    }
  })
}

/** The lowest and the highest value that any pixel of a channel can have: frozen ones have no range of their own. */
function channelRanges({ channels, ...layout }: PixelLayout, { lower, upper }: Domain) {
  const ranges = Array.from({ length: channels }, () => ({ lower: Number.POSITIVE_INFINITY, upper: -Infinity }))
  forEachPixel(layout, (row, column) => {
    ranges.forEach((range, channel) => {
      const feature = layout.at(row, column, channel)
      range.lower = Math.min(range.lower, lower[feature])
      range.upper = Math.max(range.upper, upper[feature])
    })
  })
  return ranges.map((range) => ({ lower: range.lower, width: range.upper - range.lower }))
}

interface Place {
  readonly row: number
  readonly column: number
  /** Largest change of any channel. */
  readonly size: number
}

interface Pixels {
  readonly width: number
  readonly height: number
  /** Which pixel of the input is shown at each one of the picture, row by row. */
  readonly places: readonly Place[]
}

function mostChanged(layout: PixelLayout, change: (feature: number, channel: number) => number): Pixels {
  const block = Math.ceil(Math.max(layout.width, layout.height) / mostPixels)
  const [width, height] = [layout.width, layout.height].map((side) => Math.ceil(side / block))
  const places: Place[] = []
  forEachPixel(layout, (row, column) => {
    const sizes = Array.from({ length: layout.channels }, (_, channel) =>
      Math.abs(change(layout.at(row, column, channel), channel)),
    )
    const at = Math.floor(row / block) * width + Math.floor(column / block)
    const size = Math.max(...sizes)
    if (!places[at] || size > places[at].size) places[at] = { row, column, size }
  })
  return { width, height, places }
}

function forEachPixel(
  { width, height }: Pick<PixelLayout, 'width' | 'height'>,
  visit: (row: number, column: number) => void,
): void {
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) visit(row, column)
}

/** PNG in Base64; values from 0 to 1. */
function encode(
  { channels, at }: PixelLayout,
  { width, height, places }: Pixels,
  value: (feature: number, channel: number) => number,
): string {
  const colorType = channels === 1 ? 0 : 2
  const png = new PNG({ width, height })
  png.data = Buffer.from(
    places.flatMap(({ row, column }) =>
      Array.from({ length: channels }, (_, channel) => {
        const brightness = value(at(row, column, channel), channel)
        return Math.round(255 * Math.min(Math.max(brightness, 0), 1))
      }),
    ),
  )
  return PNG.sync.write(png, { colorType, inputColorType: colorType, inputHasAlpha: false }).toString('base64')
}
