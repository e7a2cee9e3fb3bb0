import { afterAll, expect, test } from 'vitest'
import { iterativePerturbation } from '../../src/attacks/line-search/iterative-perturbation.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range, takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

test('two linear classes: as many steps as the distance takes, then back to the boundary', async () => {
  const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2, count: 20 })
  for (const target of [undefined, labels.map((label) => 1 - label)]) {
    const method = iterativePerturbation({ stepSize: 0.05, target })
    const result = await attack(model, method, { inputs, labels, seed })
    result.samples.forEach(({ distance, steps, gradientQueries, forwardQueries }, sample) => {
      const exact = distances('linf')[sample]
      expect(distance!.linf / exact).toBeGreaterThan(1 - 1e-5)
      expect(distance!.linf / exact).toBeLessThan(1 + 1e-3)
      expect(steps).toBe(Math.ceil(exact / 0.05))
      expect(gradientQueries).toBe(steps + 1)
      expect(forwardQueries).toBeGreaterThan(1)
      expect(forwardQueries).toBeLessThan(17)
    })
  }
  await model.close()
})

test('the steps are a limit', async () => {
  const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2, count: 20 })
  const result = await attack(model, iterativePerturbation({ stepSize: 0.05, steps: 4 }), { inputs, labels, seed })
  result.samples.forEach(({ fooled, steps, gradientQueries }, sample) => {
    expect(fooled).toBe(distances('linf')[sample] < 0.2)
    if (!fooled) expect({ steps, gradientQueries }).toEqual({ steps: 4, gradientQueries: 4 })
  })
  expect(new Set(result.samples.map(({ fooled }) => fooled)).size).toBe(2)
  await model.close()
})

// The gradient turns on the way: sign steps from the sample alone would lead away from the corner that fools.
test('every step has the gradient of its own point', async () => {
  const bytes = denseModel(
    {
      weights: [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
      bias: [0, -0.5, 0],
      activation: 'Relu',
    },
    {
      weights: [
        [0, 0, 0],
        [1, -3, 0.5],
      ],
      bias: [0.6, 0],
    },
  )
  const model = await loadModel(bytes, { domain: [0, 1] })
  // Class 1 wins where min(x, 1.5 − 2x) + y/2 > 0.6.
  const inputs = { data: Float32Array.of(0.1, 0.1), shape: [1, 2] }
  const { samples } = await attack(model, iterativePerturbation({ stepSize: 0.02 }), { inputs, seed })
  expect(samples[0].fooled).toBe(true)
  expect(samples[0].distance!.linf).toBeCloseTo(0.3, 3)
  await model.close()
})

test('a point that no longer moves is given up', async () => {
  const model = await loadModel(
    denseModel({
      weights: [
        [1, 1],
        [-1, -1],
      ],
      bias: [1, -1],
    }),
    { domain: [0, 1] },
  )
  const inputs = { data: Float32Array.of(0.05, 0.05), shape: [1, 2] }
  const result = await attack(model, iterativePerturbation({ stepSize: 0.02 }), { inputs, seed })
  expect(result).toMatchObject({ fooled: 0, interrupted: false })
  expect(result.samples[0].gradientQueries).toBe(4)
  await model.close()
})

test('the same seed gives the same result, and a batch what its samples give one by one', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 12 })
  const method = iterativePerturbation({ stepSize: 0.02 })
  const first = await attack(model, method, { inputs, seed })
  expect((await attack(model, method, { inputs, seed })).samples).toEqual(first.samples)
  expect(first.fooled).toBeGreaterThan(3)
  for (const sample of range(12)) {
    const alone = await attack(model, method, { inputs: takeSamples(inputs, [sample]), seed })
    expect(alone.samples[0]).toEqual(first.samples[sample])
  }
  await model.close()
})

test('settings', () => {
  expect(iterativePerturbation({ stepSize: 0.1 }).settings).toEqual({ stepSize: 0.1, steps: 100 })
  expect(() => iterativePerturbation({ stepSize: 0 })).toThrow(SettingsError)
  expect(() => iterativePerturbation({} as never)).toThrow(/stepSize/)
  expect(() => iterativePerturbation({ stepSize: 1, steps: 0.5 })).toThrow(/steps/)
  expect(() => iterativePerturbation({ stepSize: 1, target: 0.5 })).toThrow(/target/)
})
