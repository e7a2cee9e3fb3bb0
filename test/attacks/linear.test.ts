import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/deep-fool.js'
import { fgsm } from '../../src/attacks/fgsm.js'
import { pgd } from '../../src/attacks/pgd.js'
import { randomNoise } from '../../src/attacks/random-noise.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const

// On a linear classifier the distance to the boundary is |margin| / ‖w‖ in the dual norm.
describe.each(norms)('linear classifiers, %s', (norm) => {
  const attacks = {
    fgsm: (epsilon: number[]) => fgsm({ norm, epsilon }),
    pgd: (epsilon: number[]) => pgd({ norm, epsilon }),
    'pgd from the sample': (epsilon: number[]) => pgd({ norm, epsilon, randomStart: false, steps: 20 }),
    'pgd on the margin': (epsilon: number[]) => pgd({ norm, epsilon, loss: 'margin' }),
  }

  test.each(Object.entries(attacks))('%s fools just above the exact distance, not just below', async (_, make) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const run = (factor: number) =>
      attack(model, make(distances(norm).map((distance) => distance * factor)), { inputs, labels, seed })
    const above = await run(1.001)
    const below = await run(0.999)
    expect(above.samples.map(({ fooled }) => fooled)).toEqual(labels.map(() => true))
    expect(below.fooled).toBe(0)
    above.samples.forEach((sample, index) => {
      expect(sample.distance![norm]).toBeLessThanOrEqual(distances(norm)[index] * 1.001)
      expect(sample.distance![norm]).toBeGreaterThanOrEqual(distances(norm)[index] * (1 - 1e-5))
    })
    await model.close()
  })

  test('pgd on the margin moves to the target class just above the exact distance to it, not just below', async () => {
    const { model, inputs, labels, distanceTo } = await linearCase(randomSource(seed), { classes: 2 })
    const target = labels.map((label) => 1 - label)
    const run = (factor: number) => {
      const epsilon = labels.map((_, sample) => distanceTo(sample, target[sample], norm) * factor)
      return attack(model, pgd({ norm, epsilon, loss: 'margin', target }), { inputs, labels, seed })
    }
    const above = await run(1.001)
    expect(above.fooled).toBe(labels.length)
    expect(above.samples.map(({ adversarialPrediction }) => adversarialPrediction)).toEqual(target)
    expect((await run(0.999)).fooled).toBe(0)
    await model.close()
  })

  test('randomNoise of a hundred times the distance fools, of less than the distance does not', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed))
    const run = (factor: number) =>
      attack(model, randomNoise({ norm, epsilon: distances(norm).map((distance) => distance * factor) }), {
        inputs,
        labels,
        seed,
      })
    const wide = await run(norm === 'linf' ? 8 : 40)
    expect(wide.fooled).toBeGreaterThan(0)
    expect(wide.gradientQueries).toBe(0)
    expect((await run(0.999)).fooled).toBe(0)
    await model.close()
  })

  test.skipIf(norm === 'l1')('deepFool finds the nearest of many classes within 0.1 %', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 12, count: 20 })
    const result = await attack(model, deepFool({ norm: norm as 'linf' | 'l2', candidates: 11 }), {
      inputs,
      labels,
      seed,
    })
    expect(result.fooled).toBe(labels.length)
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm] / distances(norm)[index]).toBeGreaterThan(1 - 1e-4)
      expect(sample.distance![norm] / distances(norm)[index]).toBeLessThan(1.001)
      expect(sample.steps).toBe(1)
    })
    await model.close()
  })
})
