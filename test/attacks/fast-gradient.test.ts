import { afterAll, describe, expect, test } from 'vitest'
import { fastGradientSignSearch } from '../../src/attacks/line-search/fast-gradient-sign-search.js'
import { fastGradientValue } from '../../src/attacks/line-search/fast-gradient-value.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../src/errors.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range, rowOf, takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

const methods = [
  { make: fastGradientSignSearch, norm: 'linf' },
  { make: fastGradientValue, norm: 'l2' },
] as const

describe.each(methods)('$make.name', ({ make, norm }) => {
  test('ends at the boundary of two linear classes, whose gradient is the shortest way, with and without a target', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2, count: 20 })
    for (const method of [make(), make({ target: labels.map((label) => 1 - label) })]) {
      const result = await attack(model, method, { inputs, labels, seed })
      result.samples.forEach(({ distance, steps, gradientQueries, forwardQueries }, sample) => {
        expect(distance![norm] / distances(norm)[sample]).toBeGreaterThan(1 - 1e-5)
        expect(distance![norm] / distances(norm)[sample]).toBeLessThan(1.001)
        expect({ steps, gradientQueries }).toEqual({ steps: 1, gradientQueries: 1 })
        expect(forwardQueries).toBeGreaterThan(16)
        expect(forwardQueries).toBeLessThan(80)
      })
    }
    await model.close()
  })

  test('a target among many classes is reached, at a length below which it is not', async () => {
    const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 4, count: 20 })
    const target = labels.map((label) => (label + 1) % 4)
    const result = await attack(model, make({ target }), { inputs, labels, seed })
    expect(result.fooled).toBeGreaterThan(10)
    for (const [sample, { fooled, adversarial, adversarialPrediction }] of result.samples.entries()) {
      if (!fooled) continue
      expect(adversarialPrediction).toBe(target[sample])
      // Where the way is bent at a bound, the way back is another.
      if (adversarial!.some((coordinate) => Math.abs(coordinate) === 50)) continue
      const origin = rowOf(inputs.data, 6, sample)
      const shorter = adversarial!.map(
        (coordinate, feature) => origin[feature] + (coordinate - origin[feature]) * 0.999,
      )
      const logits = await model.predict({ data: shorter, shape: [1, 6] })
      expect(logits.indexOf(Math.max(...logits))).not.toBe(target[sample])
    }
    await model.close()
  })

  // The margin of class 1 is x − 0.3 up to 0.4, and falls from there on: it is positive from 0.3 to 0.45.
  test('finds the first crossing where a longer step leads back', async () => {
    const bump = denseModel(
      { weights: [[1], [1]], bias: [0, -0.4], activation: 'Relu' },
      {
        weights: [
          [0, 0],
          [1, -3],
        ],
        bias: [0.3, 0],
      },
    )
    const model = await loadModel(bump, { domain: [0, 1] })
    const inputs = { data: Float32Array.of(0.1), shape: [1, 1] }
    const result = await attack(model, make(), { inputs, seed })
    expect(result.medianDistance).toBeGreaterThan(0.2 - 1e-6)
    expect(result.medianDistance).toBeLessThan(0.20001)
    await model.close()
  })

  test('goes on where the gradient of the cross-entropy underflows', async () => {
    const model = await loadModel(
      denseModel({
        weights: [
          [400, 100],
          [0, 0],
        ],
      }),
      { domain: [-1, 1] },
    )
    const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
    expect(Array.from(await model.inputGradient(inputs, [0], 'cross-entropy'))).toEqual([0, 0])
    const { samples } = await attack(model, make(), { inputs, seed })
    const exact = { linf: 250 / 500, l2: 250 / Math.hypot(400, 100) }[norm]
    expect(samples[0].distance![norm] / exact).toBeLessThan(1.0001)
    await model.close()
  })

  test('features stop at their bounds, frozen ones do not move', async () => {
    const lower = Float32Array.of(0, 0.25, 0)
    const upper = Float32Array.of(1, 0.25, 1)
    const bytes = denseModel({
      weights: [
        [1, 5, 2],
        [-1, -5, -2],
      ],
      bias: [-1.9, 1.9],
    })
    const model = await loadModel(bytes, { domain: { lower, upper } })
    // The margin is 0.1 + 1.25 + 2·0.9 − 1.9 = 1.25: the first feature gives 0.1 of it, the last all the rest.
    const inputs = { data: Float32Array.of(0.1, 0.25, 0.9), shape: [1, 3] }
    const { samples } = await attack(model, make(), { inputs, seed })
    const [first, second, third] = samples[0].adversarial!
    expect(first).toBe(0)
    expect(second).toBe(0.25)
    expect(third).toBeCloseTo(0.325, 4)
    await model.close()
  })

  test('all features at the bounds that matter: not fooled, and no hang', async () => {
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
    const inputs = { data: Float32Array.of(0, 0, 0.5, 0.5), shape: [2, 2] }
    expect(await attack(model, make(), { inputs, seed })).toMatchObject({ fooled: 0, interrupted: false })
    await model.close()
  })

  test('a gradient of zero is reported, an infinite one is an error', async () => {
    const flat = graphOf([2], (builder, input) => {
      const cut = builder.add('Relu', [builder.add('Sub', [input, builder.scalar(5)])])
      return builder.add('Sub', [cut, builder.floats([0, 1], [1, 2])])
    })
    const model = await loadModel(encodeModel(flat), { domain: [0, 1] })
    const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
    const { warnings } = await attack(model, make(), { inputs, seed })
    expect(warnings.join()).toMatch(/gradient was exactly zero for 1 of 1/)
    await model.close()

    const large = range(2).map((row) => range(2).map((column) => (row === column ? 1e30 : 0)))
    const steep = denseModel({ weights: large, activation: 'Tanh' }, { weights: large, bias: [0, 1] })
    const broken = await loadModel(steep, { domain: [0, 1] })
    const atZero = { data: new Float32Array(2), shape: [1, 2] }
    await expect(attack(broken, make(), { inputs: atZero, seed })).rejects.toThrow(ModelError)
    await broken.close()
  })

  test('the same seed gives the same result, and a batch what its samples give one by one', async () => {
    const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 12 })
    const first = await attack(model, make(), { inputs, seed })
    expect((await attack(model, make(), { inputs, seed })).samples).toEqual(first.samples)
    expect(first.fooled).toBeGreaterThan(5)
    for (const sample of range(12)) {
      const alone = await attack(model, make(), { inputs: takeSamples(inputs, [sample]), seed })
      expect(alone.samples[0]).toEqual(first.samples[sample])
    }
    await model.close()
  })

  test('settings', () => {
    expect(make().settings).toEqual({})
    expect(make({ target: 3 }).settings).toEqual({ target: 3 })
    expect(() => make({ target: 0.5 })).toThrow(SettingsError)
  })
})

test('fgsm with the ε that was found fools, with a little less it does not', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 12 })
  const { samples } = await attack(model, fastGradientSignSearch(), { inputs, seed })
  const fooled = range(12).filter((sample) => samples[sample].fooled)
  expect(fooled.length).toBeGreaterThan(5)
  const found = fooled.map((sample) => samples[sample].distance!.linf)
  for (const [factor, count] of [
    [1.001, fooled.length],
    [0.999, 0],
  ]) {
    const epsilon = found.map((distance) => distance * factor)
    const result = await attack(model, fgsm({ epsilon }), { inputs: takeSamples(inputs, fooled), seed })
    expect(result.fooled).toBe(count)
  }
  await model.close()
})
