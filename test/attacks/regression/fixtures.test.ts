import { afterAll, describe, expect, test } from 'vitest'
import { loadFixture, regressorFixtureNames } from '../../../fixtures/index.js'
import { linear } from '../../../src/attacks/regression/linear.js'
import { linearPixel } from '../../../src/attacks/regression/linear-pixel.js'
import { quadratic } from '../../../src/attacks/regression/quadratic.js'
import { randomLp } from '../../../src/attacks/regression/random-lp.js'
import { randomPixel } from '../../../src/attacks/regression/random-pixel.js'
import type { OutputLoss, RegressionAttack } from '../../../src/attacks/regression/regression-attack.js'
import { attackRegressor } from '../../../src/attacks/regression/run-regression-attack.js'
import { engine } from '../../../src/engine/engine.js'
import { loadRegressor } from '../../../src/model/load-regressor.js'
import { firstSamples } from '../../../src/sampling/samples.js'
import { median } from '../../../src/statistics/median.js'
import { seed } from '../../seed.js'

afterAll(() => engine.close())

describe.each(regressorFixtureNames)('%s', (name) => {
  const load = async () => {
    const { modelPath, domain, outputRange, samples } = await loadFixture(name)
    return { model: await loadRegressor(modelPath, { domain, outputRange }), samples: firstSamples(samples, 8) }
  }

  test.each<[string, RegressionAttack, RegressionAttack]>([
    ['linf', linear({ epsilon: 0.05 }), randomLp({ epsilon: 0.05, repeats: 5 })],
    ['l2', linear({ norm: 'l2', epsilon: 1 }), randomLp({ norm: 'l2', epsilon: 1, repeats: 5 })],
    ['l2', quadratic({ norm: 'l2', epsilon: 1 }), randomLp({ norm: 'l2', epsilon: 1, repeats: 5 })],
    ['ten pixels', linearPixel({ epsilon: 1, steps: 10 }), randomPixel({ epsilon: 1, pixels: 10, repeats: 5 })],
  ])('in %s an attack degrades the output far more than noise', async (_, method, noise) => {
    const { model, samples } = await load()
    const attacked = await attackRegressor(model, method, { ...samples, seed })
    const noisy = await attackRegressor(model, noise, { ...samples, seed })
    expect(attacked.medianOutputPsnr).toBeLessThan(noisy.medianOutputPsnr - 2)
  })

  test('tangents and gradients give the same Jacobian', async () => {
    const { model, samples } = await load()
    const { data, shape } = firstSamples(samples, 1).inputs
    const size = model.outputShape.reduce((product, length) => product * length, 1)
    const tangent = Float32Array.from(data, (_, feature) => Math.sin(feature))
    const cotangent = Float32Array.from({ length: size }, (_, output) => Math.cos(output))
    const image = await model.jvp({ data, shape }, tangent)
    const gradient = await model.vjp({ data, shape }, cotangent)
    const along = image.reduce((sum, entry, output) => sum + entry * cotangent[output], 0)
    const back = gradient.reduce((sum, entry, feature) => sum + entry * tangent[feature], 0)
    expect(Math.abs(along - back)).toBeLessThan(1e-4 * (Math.abs(along) + Math.hypot(...image)))
  })
})

test('a loss of its own makes the detector misplace the digit', async () => {
  const { modelPath, domain, samples } = await loadFixture('digit_detector')
  const model = await loadRegressor(modelPath, { domain })
  const { inputs, targets } = firstSamples(samples, 12)
  // Where the centre is counts only where there is a digit, as in the losses of detectors.
  const offsets = (output: Float32Array, sample: number) =>
    [0, 1].map((axis) => targets!.data[5 * sample + 4] * (output[axis] - targets!.data[5 * sample + axis]))
  const misplacement: OutputLoss = {
    name: 'misplacement',
    value: (output, sample) => Math.hypot(...offsets(output, sample)) ** 2,
    gradient: (output, sample) => [...offsets(output, sample).map((offset) => 2 * offset), 0, 0, 0],
  }
  const run = async (method: RegressionAttack) => {
    const result = await attackRegressor(model, method, { inputs, loss: misplacement, seed })
    return result.samples.filter((_, sample) => targets!.data[5 * sample + 4] === 1)
  }
  const attacked = await run(linear({ epsilon: 0.1 }))
  const noisy = await run(randomLp({ epsilon: 0.1, repeats: 5 }))
  expect(attacked.length).toBeGreaterThan(6)
  const pixels = (losses: (number | undefined)[]) => 32 * Math.sqrt(median(losses.map(Number)))
  expect(pixels(attacked.map(({ clean }) => clean.loss))).toBeLessThan(1)
  const misplaced = pixels(attacked.map(({ attacked }) => attacked.loss))
  expect(misplaced).toBeGreaterThan(3)
  expect(misplaced).toBeGreaterThan(2 * pixels(noisy.map(({ attacked }) => attacked.loss)))
})
