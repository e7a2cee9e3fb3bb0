import { afterAll, expect, test } from 'vitest'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { pooledConvolutions } from '../../src/bounds/lipschitz/pooled-convolutions.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import type { AttributeValue } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'
import { largestSingularValue, matrixOf } from './dense-matrix.js'
import { Layers } from './networks.js'

afterAll(() => engine.close())

const tiles = { kernel_shape: [2, 2], strides: [2, 2] }

/** A convolution and, unless left out, a max pool with attributes behind it. */
function poolModel(
  featureShape: readonly number[],
  convolve: (layers: Layers, input: string) => string,
  { pool, between = [], random }: { pool?: Record<string, AttributeValue>; between?: string[]; random: RandomSource },
) {
  const graph = graphOf(featureShape, (builder, input) => {
    const layers = new Layers(builder, random)
    const value = between.reduce((name, operator) => layers.act(operator, name), convolve(layers, input))
    return layers.flatten(pool ? builder.add('MaxPool', [value], pool) : value)
  })
  return loadModel(encodeModel(graph), { domain: [-100, 100] })
}

/** Of the only pool; undefined where it has no constant. */
async function constantOf(model: Awaited<ReturnType<typeof loadModel>>): Promise<number | undefined> {
  const [pooled] = [...(await pooledConvolutions(model, startBudget()))!.values()]
  return pooled?.norm
}

/** How large the outputs of W can be of which each tile of 2×2 keeps its largest, for inputs of length 1: found by ascent. */
function largestPicked(matrix: number[][], [height, width]: number[], random: RandomSource): number {
  const plane = height * width
  const channels = matrix.length / plane
  const tilesOf = range(channels).flatMap((channel) =>
    range(Math.floor(height / 2)).flatMap((row) =>
      range(Math.floor(width / 2)).map((column) =>
        [0, 1, width, width + 1].map((offset) => channel * plane + 2 * row * width + 2 * column + offset),
      ),
    ),
  )
  let best = 0
  for (let start = 0; start < 5; start++) {
    let point = matrix[0].map(() => random.normal())
    for (let step = 0; step < 40; step++) {
      const length = Math.hypot(...point)
      point = point.map((value) => value / length)
      const image = matrix.map((row) => row.reduce((sum, weight, at) => sum + weight * point[at], 0))
      const picked = tilesOf.map((tile) =>
        tile.reduce((most, at) => (Math.abs(image[at]) > Math.abs(image[most]) ? at : most)),
      )
      best = Math.max(best, Math.hypot(...picked.map((at) => image[at])))
      point = point.map((_, feature) => picked.reduce((sum, at) => sum + image[at] * matrix[at][feature], 0))
    }
  }
  return best
}

const cases: [string, number[], number[], Record<string, AttributeValue>][] = [
  ['one channel', [1, 9, 9], [7, 7], { kernel: 3 }],
  ['several channels', [2, 8, 8], [6, 6], { kernel: 3, outputs: 3 }],
  ['padding', [2, 7, 7], [7, 7], { kernel: 3, outputs: 3, pads: [1, 1, 1, 1] }],
  ['lopsided padding', [1, 6, 7], [6, 7], { kernel: 3, outputs: 2, pads: [2, 1, 0, 1] }],
  ['stride 2', [2, 11, 11], [5, 5], { kernel: 3, outputs: 3, strides: [2, 2] }],
  ['two strides', [1, 9, 10], [4, 8], { kernel: 3, outputs: 2, strides: [2, 1] }],
  ['groups', [4, 7, 7], [5, 5], { kernel: 3, outputs: 4, group: 2 }],
]

test.each(cases)('%s: the constant covers every choice of a maximum', async (_, featureShape, sizes, settings) => {
  const random = randomSource(seed)
  const { kernel, outputs = 1, ...attributes } = settings as Record<string, number>
  const group = attributes.group ?? 1
  const convolve = (layers: Layers, input: string) =>
    layers.conv(input, featureShape[0] / group, outputs, kernel, attributes)
  const model = await poolModel(featureShape, convolve, { pool: tiles, random: randomSource(seed + 1) })
  const plain = await poolModel(featureShape, convolve, { random: randomSource(seed + 1) })
  const matrix = await matrixOf(plain)
  const constant = (await constantOf(model))!
  expect(constant).toBeGreaterThanOrEqual(largestPicked(matrix, sizes, random))
  // Up to 25 % are due to the circular grid.
  expect(constant).toBeLessThan(1.25 * largestSingularValue(matrix))
  await Promise.all([model.close(), plain.close()])
})

test('what the pool sees moves together: a mean over windows has half the constant', async () => {
  const convolve = (layers: Layers, input: string) =>
    layers.builder.add('Conv', [input, layers.builder.floats(new Array(16).fill(1 / 16), [1, 1, 4, 4])])
  const constants: number[] = []
  for (const between of [[], ['Relu']]) {
    const model = await poolModel([1, 31, 31], convolve, { pool: tiles, between, random: randomSource(seed) })
    constants.push((await constantOf(model))!)
    await model.close()
  }
  // An image of ones: all four of a tile are 1, so that one of them has half the length. Waves add to that.
  expect(constants[0]).toBeGreaterThan(0.5 * (28 / 31))
  expect(constants[0]).toBeLessThan(0.6)
  expect(constants[1]).toBe(constants[0])
})

test('what does not move together gains nothing', async () => {
  const convolve = (layers: Layers, input: string) =>
    layers.builder.add('Conv', [input, layers.builder.floats([-3], [1, 1, 1, 1])])
  const model = await poolModel([1, 8, 8], convolve, { pool: tiles, random: randomSource(seed) })
  // One pixel of a tile can move its maximum by three times as much.
  const constant = await constantOf(model)
  expect(constant).toBeGreaterThanOrEqual(3)
  expect(constant).toBeLessThan(3.05)
  await model.close()
})

test.each([
  ['overlap', { kernel_shape: [3, 3], strides: [2, 2] }, []],
  ['are padded', { ...tiles, pads: [1, 1, 1, 1] }, []],
  ['reach beyond the end', { ...tiles, ceil_mode: 1 }, []],
  ['come after another activation', tiles, ['Sigmoid']],
] as [string, Record<string, AttributeValue>, string[]][])(
  'no constant for pools that %s',
  async (_, pool, between) => {
    const convolve = (layers: Layers, input: string) => layers.conv(input, 1, 2, 2)
    const model = await poolModel([1, 8, 8], convolve, { pool, between, random: randomSource(seed) })
    expect(await constantOf(model)).toBeUndefined()
    await model.close()
  },
)

test('a hand-derived margin is not exceeded', async () => {
  // Two logits, ± the maximum of four means of 2×2 pixels, so that one pixel moves no more than one of them counts.
  const graph = graphOf([1, 3, 3], (builder, input) => {
    const mean = builder.add('Conv', [input, builder.floats([0.25, 0.25, 0.25, 0.25], [1, 1, 2, 2])])
    const largest = builder.add('Flatten', [builder.add('MaxPool', [mean], tiles)])
    return builder.add('Gemm', [largest, builder.floats([1, -1], [1, 2])])
  })
  const model = await loadModel(encodeModel(graph), { domain: [-10, 10] })
  const inputs = { data: new Float32Array(9).fill(1), shape: [1, 1, 3, 3] }
  const margins = await marginBounds(model, lipschitz({ norm: 'l2' }), { inputs, labels: [0], epsilon: 0.5 })
  // All four means lie at 1 and contain the middle pixel; each falls by at most ε/2, and the margin by twice that,
  // where ‖W‖ = √(9/16) alone says 1.5 ε.
  const worst = 2 * (1 - 0.5 / 2)
  expect(margins[1]).toBeLessThanOrEqual(worst)
  expect(margins[1]).toBeGreaterThanOrEqual(2 - 2 * 0.75 * 0.5 - 1e-3)
  await model.close()
})
