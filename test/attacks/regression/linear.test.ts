import { afterAll, describe, expect, test } from 'vitest'
import { linear } from '../../../src/attacks/regression/linear.js'
import type { OutputLoss } from '../../../src/attacks/regression/regression-attack.js'
import { attackRegressor } from '../../../src/attacks/regression/run-regression-attack.js'
import { engine } from '../../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../../src/errors.js'
import { loadRegressor } from '../../../src/model/load-regressor.js'
import { randomSource } from '../../../src/sampling/random.js'
import { seed } from '../../seed.js'
import { denseModel, operatorModel } from '../../tiny-models.js'
import { inputsFor, linearRegressor, network } from './regressors.js'

afterAll(() => engine.close())

const random = randomSource(seed)

// A model with one output: the linearised error is the error.
describe.each(['l1', 'l1.5', 'l2', 'l3', 'linf'] as const)('linear in %s of w·x', (norm) => {
  const dual = (weights: readonly number[]) => {
    if (norm === 'linf') return weights.reduce((sum, weight) => sum + Math.abs(weight), 0)
    if (norm === 'l1') return Math.max(...weights.map(Math.abs))
    const p = Number(norm.slice(1))
    return weights.reduce((sum, weight) => sum + Math.abs(weight) ** (p / (p - 1)), 0) ** (1 - 1 / p)
  }

  test('moves the output by epsilon times the dual norm of w, towards either side without a target', async () => {
    const { model, jacobian } = await linearRegressor(random, { outputs: 1 })
    for (const steps of [1, 7]) {
      const method = linear({ norm, epsilon: 0.5, steps })
      const { samples } = await attackRegressor(model, method, { inputs: inputsFor(random, 3, [6]), seed })
      for (const { attacked, gradientQueries } of samples) {
        expect(attacked.l2).toBeCloseTo(0.5 * dual(jacobian[0]), 4)
        expect(gradientQueries).toBe(steps)
      }
    }
  })

  test('and away from the target that it has', async () => {
    const { model, jacobian } = await linearRegressor(random, { outputs: 1 })
    const inputs = inputsFor(random, 4, [6])
    const outputs = await model.predict(inputs)
    const targets = { data: outputs.map((output, sample) => output + (sample % 2 ? 5 : -5)), shape: [4, 1] }
    const { samples } = await attackRegressor(model, linear({ norm, epsilon: 0.1 }), { inputs, targets, seed })
    for (const { clean, attacked } of samples) {
      expect(clean.l2).toBeCloseTo(5, 4)
      expect(attacked.l2).toBeCloseTo(5 + 0.1 * dual(jacobian[0]), 4)
    }
  })
})

test('without dithering the error to the own output has no gradient, and a warning says so', async () => {
  const model = await loadRegressor(denseModel({ weights: [[1, 2]] }), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
  const result = await attackRegressor(model, linear({ epsilon: 0.1, dither: 0 }), { inputs, seed })
  expect(result.samples[0].attacked.mse).toBe(0)
  expect(result.warnings.join()).toContain('did not raise the error of 1 of 1 samples')
  const dithered = await attackRegressor(model, linear({ epsilon: 0.1 }), { inputs, seed })
  expect(dithered.samples[0].attacked.l2).toBeCloseTo(0.3, 5)
  expect(dithered.warnings).toEqual([])
})

describe('a loss of the user', () => {
  // A detector's: the first output is a presence that should fall, the others do not matter.
  const vanish: OutputLoss = {
    name: 'vanish',
    value: ([presence]) => -presence,
    gradient: (output) => output.map((_, index) => (index === 0 ? -1 : 0)),
  }

  test('is what the attack raises and what the result tells', async () => {
    const { model, jacobian } = await linearRegressor(random, { outputs: 3 })
    const inputs = inputsFor(random, 2, [6])
    const outputs = await model.predict(inputs)
    const method = linear({ norm: 'linf', epsilon: 0.25, steps: 4 })
    const { samples, forwardQueries } = await attackRegressor(model, method, { inputs, loss: vanish, seed })
    const gain = 0.25 * jacobian[0].reduce((sum, weight) => sum + Math.abs(weight), 0)
    samples.forEach(({ clean, attacked }, sample) => {
      expect(clean.loss).toBeCloseTo(-outputs[3 * sample], 5)
      expect(attacked.loss! - clean.loss!).toBeCloseTo(gain, 4)
    })
    expect(forwardQueries).toBe(8)
  })

  test('may depend on the sample', async () => {
    const { model, jacobian } = await linearRegressor(random, { outputs: 2 })
    // More of them than one run takes.
    const signs = Array.from({ length: 300 }, (_, sample) => (sample % 3 === 1 ? -1 : 1))
    const loss: OutputLoss = {
      name: 'signed',
      value: ([first], sample) => signs[sample] * first,
      gradient: (_, sample) => [signs[sample], 0],
    }
    const inputs = inputsFor(random, 300, [6])
    const { samples } = await attackRegressor(model, linear({ epsilon: 0.1, steps: 3 }), { inputs, loss, seed })
    const gain = 0.1 * jacobian[0].reduce((sum, weight) => sum + Math.abs(weight), 0)
    for (const { clean, attacked } of samples) expect(attacked.loss! - clean.loss!).toBeCloseTo(gain, 4)
  })

  test('with a gradient of another size or a value of NaN is refused', async () => {
    const { model } = await linearRegressor(random, { outputs: 3 })
    const inputs = inputsFor(random, 2, [6])
    const run = (loss: OutputLoss) => attackRegressor(model, linear({ epsilon: 0.1 }), { inputs, loss, seed })
    await expect(run({ ...vanish, gradient: () => [1] })).rejects.toThrow(/vanish has 1 entries; the output has 3/)
    await expect(run({ ...vanish, value: () => Number.NaN })).rejects.toThrow(SettingsError)
    await expect(run({ ...vanish, gradient: () => [1, Number.NaN, 1] })).rejects.toThrow(ModelError)
  })
})

test('what a feature at the edge of the domain cannot take goes to others', async () => {
  const model = await loadRegressor(denseModel({ weights: [[10, 1]] }), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.9, 0.1), shape: [1, 2] }
  const targets = { data: Float32Array.of(0), shape: [1, 1] }
  const moved = async (norm: 'l1' | 'l2', steps: number) => {
    const [sample] = (await attackRegressor(model, linear({ norm, epsilon: 0.5, steps }), { inputs, targets, seed }))
      .samples
    return sample.attacked.l2 - sample.clean.l2
  }
  for (const steps of [1, 10]) expect(await moved('l1', steps)).toBeCloseTo(10 * 0.1 + 0.4, 4)
  expect(await moved('l2', 1)).toBeCloseTo(1 + Math.sqrt(0.25 - 0.01), 4)
  // Steps of their own lengths add up to less than one of epsilon, but none of them is lost.
  expect(await moved('l2', 10)).toBeGreaterThan(1.39)
})

test('more steps find larger errors of a network', async () => {
  const model = await loadRegressor(network(random, [10], [5]), { domain: [0, 1] })
  const inputs = inputsFor(random, 20, [10])
  const mean = async (steps: number) =>
    (await attackRegressor(model, linear({ norm: 'l2', epsilon: 0.5, steps }), { inputs, seed })).medianOutputPsnr
  expect(await mean(20)).toBeLessThan(await mean(1))
})

test('gradients that are not finite are an error', async () => {
  // The output is finite, its square is not.
  const model = await loadRegressor(operatorModel([1], 'Exp'), { domain: [0, 80] })
  const inputs = { data: Float32Array.of(80), shape: [1, 1] }
  const targets = { data: Float32Array.of(1), shape: [1, 1] }
  const method = linear({ epsilon: 0.1, dither: 0 })
  await expect(attackRegressor(model, method, { inputs, targets, seed })).rejects.toThrow(ModelError)
})
