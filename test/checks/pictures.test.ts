import { describe, expect, test } from 'vitest'
import { type Picture, takePictures } from '../../src/checks/pictures.js'
import { createDomain } from '../../src/geometry/domain.js'
import { decodePng } from '../../src/sampling/formats/png.js'

/** Pixels row by row. */
function decode(png: string) {
  const { width, height, channels, data } = decodePng('picture', Buffer.from(png, 'base64'))
  return { width, height, channels, data: Array.from(data) }
}

/** The picture of one example. */
function take(
  featureShape: readonly number[],
  original: readonly number[],
  adversarial: readonly number[],
  domain: Parameters<typeof createDomain>[0] = [0, 1],
): Picture {
  const inputs = { data: Float32Array.from(original), shape: [1, ...featureShape] }
  const model = { featureShape, domain: createDomain(domain, featureShape) }
  const [picture] = takePictures(model, inputs, [{ sample: 0, adversarial: Float32Array.from(adversarial) }])!
  return picture
}

const zeros = (count: number) => Array<number>(count).fill(0)

/** All black but for the feature. */
const only = (count: number, feature: number, value: number) => Object.assign(zeros(count), { [feature]: value })

test('a grey image, its change amplified until it is black or white, and both together', () => {
  const picture = take([1, 4, 5], only(20, 6, 1), only(20, 6, 0.8))
  const { sample, amplification, original, perturbation, adversarial } = picture
  expect({ sample, amplification }).toEqual({ sample: 0, amplification: expect.closeTo(2.5) })
  expect(decode(original)).toEqual({ width: 5, height: 4, channels: 1, data: only(20, 6, 255) })
  expect(decode(perturbation).data).toEqual(Object.assign(Array(20).fill(128), { 6: 0 }))
  expect(decode(adversarial).data).toEqual(only(20, 6, 204))
})

describe.each([
  ['channels first', [3, 4, 4], (pixel: number, channel: number) => channel * 16 + pixel],
  ['channels last', [4, 4, 3], (pixel: number, channel: number) => pixel * 3 + channel],
] as const)('colour images with their %s', (_, shape, feature) => {
  test('have their colours', () => {
    const original = Object.assign(zeros(48), { [feature(1, 0)]: 1, [feature(1, 2)]: 0.2, [feature(9, 1)]: 1 })
    const { channels, data } = decode(take(shape, original, zeros(48)).original)
    expect(channels).toBe(3)
    expect(data).toEqual(Object.assign(zeros(48), { 3: 255, 5: 51, 28: 255 }))
  })

  test('are shown between the bounds of each channel, whatever a pixel of its own is fixed to', () => {
    const lower = zeros(48).fill(-2)
    const upper = zeros(48).fill(2)
    for (let pixel = 0; pixel < 16; pixel++) upper[feature(pixel, 1)] = 6
    lower[feature(0, 0)] = 0
    upper[feature(0, 0)] = 0
    const picture = take(shape, zeros(48), zeros(48).fill(1), { lower, upper })
    expect(decode(picture.original).data.slice(0, 3)).toEqual([128, 64, 128])
    expect(decode(picture.adversarial).data.slice(0, 3)).toEqual([191, 96, 191])
    // 1 is a quarter of the red range and an eighth of the green one.
    expect(picture.amplification).toBeCloseTo(2)
    expect(decode(picture.perturbation).data.slice(0, 3)).toEqual([255, 191, 255])
  })
})

test('a large image is reduced to the pixels that change most', () => {
  const [width, height] = [130, 70]
  const original = Array.from({ length: width * height }, (_, index) => (index % 2 === 0 ? 1 : 0))
  // Second row, second column: at an odd index, and black before.
  const changed = 1 + width
  const { original: before, perturbation } = take(
    [height, width],
    original,
    Object.assign([...original], { [changed]: 0.5 }),
  )
  expect(decode(before)).toMatchObject({ width: 44, height: 24 })
  expect(decode(before).data[0]).toBe(0)
  expect(decode(perturbation).data).toEqual(Object.assign(Array(44 * 24).fill(128), { 0: 255 }))
})

test('nothing changed, and a channel without a range, are drawn all the same', () => {
  const picture = take([4, 4], zeros(16), zeros(16), [0, 0])
  expect(picture.amplification).toBe(1)
  expect(decode(picture.perturbation).data).toEqual(Array(16).fill(128))
})

test.each([[[64]], [[3, 28]], [[28, 3]], [[2, 8, 8]], [[8, 8, 4]], [[1, 1, 8, 8]]])('%j are no images', (shape) => {
  const size = shape.reduce((product, each) => product * each, 1)
  const inputs = { data: new Float32Array(size), shape: [1, ...shape] }
  const model = { featureShape: shape, domain: createDomain([0, 1], shape) }
  expect(takePictures(model, inputs, [{ sample: 0, adversarial: new Float32Array(size) }])).toBeUndefined()
})

test('a few examples are enough, and none are none', () => {
  const shape = [4, 4]
  const inputs = { data: new Float32Array(16 * 9), shape: [9, ...shape] }
  const model = { featureShape: shape, domain: createDomain([0, 1], shape) }
  const example = (sample: number) => ({ sample, adversarial: new Float32Array(16) })
  const pictures = takePictures(model, inputs, [8, 7, 6, 5, 4, 3].map(example))!
  expect(pictures.map(({ sample }) => sample)).toEqual([8, 7, 6, 5])
  expect(takePictures(model, inputs, [])).toBeUndefined()
})
