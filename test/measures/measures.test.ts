import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { confusionOfFooled } from '../../src/measures/confusion.js'
import { linearisedDistance } from '../../src/measures/linearised-distance.js'
import { relativePerturbation } from '../../src/measures/relative-perturbation.js'
import { randomSource } from '../../src/sampling/random.js'
import { takeSamples } from '../../src/sampling/rows.js'
import { linearCase } from '../attacks/linear-case.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe.each(['linf', 'l2', 'l1'] as const)('linearisedDistance, %s', (norm) => {
  test('is exact for linear classifiers with two classes', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const { distances: estimates, mean: average } = await linearisedDistance(model, { inputs, labels, norm })
    const exact = distances(norm)
    estimates.forEach((estimate, sample) => expect(estimate / exact[sample]).toBeCloseTo(1, 4))
    expect(average).toBeCloseTo(mean(exact), 3)
    await model.close()
  })
})

test('linearisedDistance leaves misclassified samples out', async () => {
  const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
  const wrong = Array.from(labels, (label, sample) => (sample === 0 ? 1 - label : label))
  const found = await linearisedDistance(model, { inputs, labels: wrong, norm: 'l2' })
  expect(found.distances[0]).toBeNaN()
  expect(found.mean).toBeCloseTo(mean(distances('l2').slice(1)), 3)
  await expect(linearisedDistance(model, { inputs, labels, norm: 'l0' })).rejects.toThrow(/exponent of at least 1/)
  await model.close()
})

test('relativePerturbation divides by the norm of the input', async () => {
  const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
  const result = await attack(model, deepFool({ norm: 'l2' }), { inputs, labels, seed })
  const norms = Array.from(labels, (_, sample) => Math.hypot(...takeSamples(inputs, [sample]).data))
  const expected = mean(distances('l2').map((distance, sample) => distance / norms[sample]))
  expect(relativePerturbation(result, inputs) / expected).toBeCloseTo(1, 2)
  await model.close()
})

test('confusionOfFooled counts fooled samples by label and adversarial class', () => {
  const sample = (label: number, adversarialPrediction: number, fooled = true) =>
    ({ label, adversarialPrediction, fooled }) as never
  const samples = [sample(0, 1), sample(0, 1), sample(0, 2), sample(2, 0), sample(1, 1, false)]
  expect(confusionOfFooled({ samples }, 3)).toEqual([
    [0, 2, 1],
    [0, 0, 0],
    [1, 0, 0],
  ])
})
