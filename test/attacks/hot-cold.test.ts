import { afterAll, describe, expect, test } from 'vitest'
import { hotCold } from '../../src/attacks/line-search/hot-cold.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range, rowOf, takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

describe('linear classifiers', () => {
  const random = randomSource(seed)
  const [features, classes, count] = [6, 4, 20]
  const row = () => range(features).map(() => Math.fround(random.normal()))
  const weights = range(classes).map(row)
  const bias = range(classes).map(() => Math.fround(random.normal()))
  const samples = range(count).map(row)
  const inputs = { data: Float32Array.from(samples.flat()), shape: [count, features] }
  const dot = (left: readonly number[], right: readonly number[]) =>
    left.reduce((sum, entry, feature) => sum + entry * right[feature], 0)
  const logits = (sample: readonly number[]) => weights.map((weight, label) => dot(weight, sample) + bias[label])
  const labels = samples.map((sample) => logits(sample).indexOf(Math.max(...logits(sample))))

  /** The length of the way along the direction of one hot class to where `reached` says so, for all of t at once. */
  function lengthTo(sample: number, hot: number, goals: readonly number[]): number {
    const scores = logits(samples[sample])
    const cold = labels[sample]
    const direction = range(features).map(
      (feature) => Math.abs(scores[hot]) * weights[hot][feature] - Math.abs(scores[cold]) * weights[cold][feature],
    )
    const slopes = weights.map((weight) => dot(weight, direction))
    // A class wins from where it has overtaken all others to where another overtakes it.
    const firstOf = (goal: number) => {
      let [from, to] = [0, Number.POSITIVE_INFINITY]
      for (const other of range(classes)) {
        if (other === goal) continue
        const [lead, gain] = [scores[goal] - scores[other], slopes[goal] - slopes[other]]
        if (gain > 0) from = Math.max(from, -lead / gain)
        else if (lead > 0) to = Math.min(to, -lead / gain)
        else to = 0
      }
      return from < to ? from : Number.POSITIVE_INFINITY
    }
    return Math.min(...goals.map(firstOf)) * Math.hypot(...direction)
  }

  test('every hot class is tried, and the shortest way counts', async () => {
    const model = await loadModel(denseModel({ weights, bias }), { domain: [-1000, 1000] })
    const result = await attack(model, hotCold(), { inputs, labels, seed })
    result.samples.forEach(({ distance, gradientQueries, steps }, sample) => {
      const others = range(classes).filter((label) => label !== labels[sample])
      const exact = Math.min(...others.map((hot) => lengthTo(sample, hot, others)))
      expect(distance!.l2 / exact).toBeGreaterThan(1 - 1e-4)
      expect(distance!.l2 / exact).toBeLessThan(1 + 1e-4)
      expect({ gradientQueries, steps }).toEqual({ gradientQueries: 3, steps: 1 })
    })
    await model.close()
  })

  test('with a target, that is the hot class and must win', async () => {
    const model = await loadModel(denseModel({ weights, bias }), { domain: [-1000, 1000] })
    const target = labels.map((label) => (label + 1) % classes)
    const result = await attack(model, hotCold({ target }), { inputs, labels, seed })
    const straight = result.samples.filter(({ adversarial }) => adversarial?.every((entry) => Math.abs(entry) < 1000))
    expect(straight.length).toBeGreaterThan(8)
    result.samples.forEach((attacked, sample) => {
      const exact = lengthTo(sample, target[sample], [target[sample]])
      if (!attacked.fooled) return
      const { distance, adversarialPrediction } = attacked
      expect(adversarialPrediction).toBe(target[sample])
      // Where the way is bent at a bound of the domain, it is another.
      if (!straight.includes(attacked)) return
      expect(distance!.l2 / exact).toBeGreaterThan(1 - 1e-4)
      expect(distance!.l2 / exact).toBeLessThan(1 + 1e-4)
    })
    await model.close()
  })

  test('fewer hot classes are those with the largest logits', async () => {
    const model = await loadModel(denseModel({ weights, bias }), { domain: [-1000, 1000] })
    const result = await attack(model, hotCold({ hotClasses: 1 }), { inputs, labels, seed })
    result.samples.forEach(({ distance, gradientQueries }, sample) => {
      const scores = logits(samples[sample])
      const others = range(classes).filter((label) => label !== labels[sample])
      const hot = others.toSorted((left, right) => scores[right] - scores[left])[0]
      expect(distance!.l2 / lengthTo(sample, hot, others)).toBeCloseTo(1, 3)
      expect(gradientQueries).toBe(1)
    })
    await model.close()
  })
})

test('moves away from a label whose logit is below zero', async () => {
  const bytes = denseModel({
    weights: [
      [1, 0],
      [0, 1],
    ],
    bias: [-10, -12],
  })
  const model = await loadModel(bytes, { domain: [-20, 20] })
  const { samples } = await attack(model, hotCold(), { inputs: { data: new Float32Array(2), shape: [1, 2] }, seed })
  // ω = (−10, 12): the margin of 2 is gone after 1/11 of it.
  expect(samples[0].adversarial![0]).toBeCloseTo(-10 / 11, 3)
  expect(samples[0].adversarial![1]).toBeCloseTo(12 / 11, 3)
  await model.close()
})

test('the same seed gives the same result, and a batch what its samples give one by one', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 12 })
  const first = await attack(model, hotCold(), { inputs, seed })
  expect((await attack(model, hotCold(), { inputs, seed })).samples).toEqual(first.samples)
  expect(first.fooled).toBeGreaterThan(5)
  for (const sample of range(12)) {
    const alone = await attack(model, hotCold(), { inputs: takeSamples(inputs, [sample]), seed })
    expect(alone.samples[0]).toEqual(first.samples[sample])
    if (!alone.samples[0].fooled) continue
    expect(rowOf(inputs.data, 6, sample)).not.toEqual(alone.samples[0].adversarial)
  }
  await model.close()
})

test('settings', () => {
  expect(hotCold().settings).toEqual({ hotClasses: 10 })
  expect(hotCold({ target: 2 }).settings).toEqual({ target: 2 })
  expect(() => hotCold({ hotClasses: 0 })).toThrow(SettingsError)
  expect(() => hotCold({ target: -1 })).toThrow(/target/)
})
