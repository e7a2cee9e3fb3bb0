import { afterAll, describe, expect, test } from 'vitest'
import { algorithm1 } from '../../src/attacks/perturbation-analysis/algorithm1.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { gnm } from '../../src/attacks/perturbation-analysis/gnm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import { randomSource } from '../../src/sampling/random.js'
import { takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1', 'l1.5', 'l3', 'l50'] as const

// On a linear classifier the distance to the boundary is |margin| / ‖w‖ in the dual norm.
describe.each(norms)('linear classifiers, %s', (norm) => {
  const attacks = {
    fgsm: (epsilon: number) => fgsm({ norm, epsilon }),
    pgd: (epsilon: number) => pgd({ norm, epsilon, stepSize: epsilon / 4 }),
    'pgd from the sample': (epsilon: number) => pgd({ norm, epsilon, randomStart: false }),
    'pgd on the margin': (epsilon: number) => pgd({ norm, epsilon, stepSize: epsilon / 4, loss: 'margin' }),
    gnm: (epsilon: number) => gnm({ norm, epsilon }),
    'targeted fgsm': (epsilon: number, target: number) => fgsm({ norm, epsilon, target }),
    'targeted gnm': (epsilon: number, target: number) => gnm({ norm, epsilon, target }),
    'algorithm1 of four steps': (epsilon: number) => algorithm1({ norm, epsilon, steps: 4 }),
    'targeted pgd': (epsilon: number, target: number) => pgd({ norm, epsilon, stepSize: epsilon / 4, target }),
  }

  test.each(Object.entries(attacks))('%s fools just above the exact distance, not just below', async (_, make) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    for (const [sample, label] of labels.entries()) {
      const exact = distances(norm)[sample]
      const request = { inputs: takeSamples(inputs, [sample]), labels: [label], seed }
      const above = await attack(model, make(exact * 1.001, 1 - label), request)
      expect(above.samples[0]).toMatchObject({ fooled: true, adversarialPrediction: 1 - label })
      expect(above.medianDistance).toBe(above.samples[0].distance![norm])
      expect(above.medianDistance).toBeLessThanOrEqual(exact * 1.001)
      expect(above.medianDistance).toBeGreaterThanOrEqual(exact * (1 - 1e-5))
      const below = await attack(model, make(exact * 0.999, 1 - label), request)
      expect(below.samples[0]).toMatchObject({ fooled: false, adversarialPrediction: label })
    }
    await model.close()
  })

  test('every sample has its own radius', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const shouldFool = labels.map((_, sample) => sample % 3 === 0)
    const epsilon = distances(norm).map((distance, sample) => distance * (shouldFool[sample] ? 1.001 : 0.999))
    for (const method of [fgsm({ norm, epsilon }), pgd({ norm, epsilon, randomStart: false })]) {
      const result = await attack(model, method, { inputs, labels, seed })
      expect(result.samples.map(({ fooled }) => fooled)).toEqual(shouldFool)
    }
    await model.close()
  })

  test.skipIf(!['linf', 'l2', 'l1'].includes(norm))(
    'randomNoise of a hundred times the distance fools, of less than the distance does not',
    async () => {
      const { model, inputs, labels, distances } = await linearCase(randomSource(seed))
      const run = (factor: number) =>
        attack(
          model,
          randomNoise({ norm: norm as Norm, epsilon: distances(norm).map((distance) => distance * factor) }),
          {
            inputs,
            labels,
            seed,
          },
        )
      const wide = await run(norm === 'linf' ? 8 : 40)
      expect(wide.fooled).toBeGreaterThan(0)
      expect(wide.gradientQueries).toBe(0)
      expect((await run(0.999)).fooled).toBe(0)
      await model.close()
    },
  )

  test('deepFool finds the nearest of many classes within 0.1 %', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 12, count: 20 })
    const result = await attack(model, deepFool({ norm, candidates: 11 }), { inputs, labels, seed })
    expect(result.fooled).toBe(labels.length)
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm] / distances(norm)[index]).toBeGreaterThan(1 - 1e-4)
      expect(sample.distance![norm] / distances(norm)[index]).toBeLessThan(1.001)
      expect(sample.steps).toBe(1)
    })
    await model.close()
  })

  test('targeted deepFool finds the exact distance to the target of two classes', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const target = labels.map((label) => 1 - label)
    const result = await attack(model, deepFool({ norm, target }), { inputs, labels, seed })
    expect(result.fooled).toBe(labels.length)
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm] / distances(norm)[index]).toBeGreaterThan(1 - 1e-4)
      expect(sample.distance![norm] / distances(norm)[index]).toBeLessThan(1.001)
    })
    await model.close()
  })
})
