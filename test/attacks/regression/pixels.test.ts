import { afterAll, describe, expect, test } from 'vitest'
import { linearPixel } from '../../../src/attacks/regression/linear-pixel.js'
import { quadraticPixel } from '../../../src/attacks/regression/quadratic-pixel.js'
import { randomPixel } from '../../../src/attacks/regression/random-pixel.js'
import type { AttackedRegressionSample } from '../../../src/attacks/regression/regression-attack.js'
import { attackRegressor } from '../../../src/attacks/regression/run-regression-attack.js'
import { subsetsOf } from '../../../src/attacks/regression/subsets.js'
import { engine } from '../../../src/engine/engine.js'
import { SettingsError } from '../../../src/errors.js'
import { loadRegressor } from '../../../src/model/load-regressor.js'
import { randomSource } from '../../../src/sampling/random.js'
import { seed } from '../../seed.js'
import { inputsFor, linearRegressor, moved, network } from './regressors.js'

afterAll(() => engine.close())

const random = randomSource(seed)

describe('subsets', () => {
  test('are the pixels of an image by default, with the channels where they are', () => {
    expect(subsetsOf([3, 1, 2], {})).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ])
    expect(subsetsOf([1, 2, 3], { channelAxis: 3 })).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ])
    expect(subsetsOf([2, 2], {})).toEqual([[0], [1], [2], [3]])
  })

  test.each([
    ['a feature that is none', [[0, 6]]],
    ['a fraction', [[0.5]]],
    ['an overlap', [[0, 1], [1]]],
    ['an empty one', [[0], []]],
    ['none at all', []],
  ])('with %s are refused', (_, subsets) => {
    expect(() => subsetsOf([6], { subsets })).toThrow(SettingsError)
  })

  test('on a channel axis that the input does not have are refused', () => {
    expect(() => subsetsOf([3, 4, 4], { channelAxis: 4 })).toThrow(/channelAxis is 4/)
    expect(() => subsetsOf([3, 4, 4], { channelAxis: 0 })).toThrow(SettingsError)
  })
})

const changed = (data: Float32Array, { adversarial }: AttackedRegressionSample, sample: number) =>
  Array.from(adversarial.keys()).filter(
    (feature) => adversarial[feature] !== data[sample * adversarial.length + feature],
  )

test('quadraticPixel takes the best subset with its best signs', async () => {
  const subsets = [
    [0, 1, 2],
    [3, 4, 5],
    [6, 7, 8],
  ]
  const optimal: boolean[] = []
  for (let trial = 0; trial < 6; trial++) {
    const { model, jacobian } = await linearRegressor(random, { features: 9, outputs: 5 })
    const inputs = inputsFor(random, 1, [9])
    const [sample] = (await attackRegressor(model, quadraticPixel({ epsilon: 0.5, subsets }), { inputs, seed })).samples
    const best = Math.max(
      ...subsets.flatMap((subset) =>
        Array.from({ length: 8 }, (_, corner) => {
          const signs = new Float64Array(9)
          subset.forEach((feature, place) => {
            signs[feature] = (corner >> place) & 1 ? 1 : -1
          })
          return 0.5 * moved(jacobian, signs)
        }),
      ),
    )
    expect(sample.attacked.l2).toBeLessThanOrEqual(best * (1 + 1e-5))
    expect(sample.attacked.l2).toBeGreaterThan(0.8 * best)
    expect(subsets).toContainEqual(changed(inputs.data, sample, 0))
    optimal.push(sample.attacked.l2 > best * (1 - 1e-5))
  }
  // Three signs: greedy ones are rarely wrong.
  expect(optimal.filter(Boolean).length).toBeGreaterThanOrEqual(4)
})

test('linearPixel with one step takes the subset with the largest sum of derivatives', async () => {
  const { model, jacobian } = await linearRegressor(random, { features: 6, outputs: 1 })
  const subsets = [
    [0, 5],
    [1, 4],
    [2, 3],
  ]
  const inputs = inputsFor(random, 2, [6])
  const { samples } = await attackRegressor(model, linearPixel({ epsilon: 0.5, subsets }), { inputs, seed })
  const sums = subsets.map((subset) => subset.reduce((sum, feature) => sum + Math.abs(jacobian[0][feature]), 0))
  for (const { attacked } of samples) expect(attacked.l2).toBeCloseTo(0.5 * Math.max(...sums), 4)
})

test.each([1, 3, 7])(
  'linearPixel changes %i subsets, one more with each step, to epsilon from where they were',
  async (steps) => {
    const model = await loadRegressor(network(random, [3, 2, 4], [4]), { domain: [-9, 9] })
    const inputs = inputsFor(random, 3, [3, 2, 4])
    const pixels = subsetsOf([3, 2, 4], {})
    const { samples } = await attackRegressor(model, linearPixel({ epsilon: 0.25, steps }), { inputs, seed })
    samples.forEach((sample, index) => {
      const features = changed(inputs.data, sample, index)
      expect(pixels.filter((pixel) => pixel.some((feature) => features.includes(feature)))).toHaveLength(steps)
      expect(features).toHaveLength(3 * steps)
      for (const feature of features) {
        expect(Math.abs(sample.adversarial[feature] - inputs.data[24 * index + feature])).toBeCloseTo(0.25, 5)
      }
    })
  },
)

test('linearPixel with more steps than subsets changes all of them', async () => {
  const model = await loadRegressor(network(random, [4], [4]), { domain: [-9, 9] })
  const inputs = inputsFor(random, 1, [4])
  const { samples } = await attackRegressor(model, linearPixel({ epsilon: 0.25, steps: 100 }), { inputs, seed })
  expect(changed(inputs.data, samples[0], 0)).toHaveLength(4)
  expect(samples[0].gradientQueries).toBe(4)
})

test('pixels that the domain freezes are left for others', async () => {
  const frozen = { lower: [0.5, 0.5, 0, 0, 0, 0], upper: [0.5, 0.5, 1, 1, 1, 1] }
  const model = await loadRegressor(network(random, [6], [2]), { domain: frozen })
  const inputs = { data: new Float32Array(6).fill(0.5), shape: [1, 6] }
  for (const method of [linearPixel({ epsilon: 0.25, steps: 3 }), quadraticPixel({ epsilon: 0.25 })]) {
    const [sample] = (await attackRegressor(model, method, { inputs, seed })).samples
    expect(sample.adversarial.slice(0, 2)).toEqual(Float32Array.of(0.5, 0.5))
    expect(sample.attacked.mse).toBeGreaterThan(0)
  }
})

test('randomPixel changes as many subsets as it says, at random', async () => {
  const model = await loadRegressor(network(random, [3, 4, 4], [4]), { domain: [-9, 9] })
  const inputs = inputsFor(random, 10, [3, 4, 4])
  const { samples } = await attackRegressor(model, randomPixel({ epsilon: 0.25, pixels: 5 }), { inputs, seed })
  const choices = samples.map((sample, index) => changed(inputs.data, sample, index))
  for (const features of choices) {
    expect(features).toHaveLength(15)
    expect(new Set(features.map((feature) => feature % 16)).size).toBe(5)
  }
  expect(new Set(choices.map(String)).size).toBeGreaterThan(5)
})
