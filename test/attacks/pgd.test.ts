import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { takeSamples } from '../../src/sampling/rows.js'
import { firstSamples } from '../../src/sampling/samples.js'
import { seed } from '../seed.js'
import { randomNetwork } from './random-network.js'

let network: Awaited<ReturnType<typeof randomNetwork>>
beforeAll(async () => {
  network = await randomNetwork(randomSource(seed))
})
afterAll(() => engine.close())

test('a fooled sample costs hardly more than its steps and the gradient that finds it fooled', async () => {
  const { modelPath, domain, samples } = await loadFixture('mnist_lenet')
  const model = await loadModel(modelPath, { domain })
  const result = await attack(model, pgd({ epsilon: 0.3 }), { ...firstSamples(samples, 40), seed })
  const wasted = result.samples.filter(({ fooled }) => fooled).map((sample) => sample.gradientQueries - sample.steps)
  expect(wasted.length).toBeGreaterThan(30)
  expect(Math.min(...wasted)).toBe(1)
  expect(wasted.reduce((sum, count) => sum + count, 0) / wasted.length).toBeLessThan(1.5)
  await model.close()
})

describe.each(['linf', 'l2', 'l1'] as const)('pgd, %s', (norm) => {
  const epsilon = { linf: 0.15, l2: 0.4, l1: 1 }[norm]

  test('samples leave once they are fooled', async () => {
    const { model, inputs } = network
    const steps = 100
    const result = await attack(model, pgd({ norm, epsilon, steps, stepSize: epsilon / 10 }), { inputs, seed })
    expect(result.fooled).toBeGreaterThan(0)
    expect(result.fooled).toBeLessThan(result.eligible)
    for (const { fooled, steps: taken, gradientQueries } of result.samples) {
      if (fooled) expect(gradientQueries).toBeLessThanOrEqual(Math.ceil((taken + 1) / 10) * 10)
    }
    expect(result.gradientQueries).toBeLessThan(steps * result.eligible)
  })

  test('a batch gives what its samples give alone', async () => {
    const { model, inputs } = network
    const method = pgd({ norm, epsilon, randomStart: false })
    const together = await attack(model, method, { inputs, seed })
    for (const sample of [0, 7, 20]) {
      const [alone] = (await attack(model, method, { inputs: takeSamples(inputs, [sample]), seed })).samples
      const { fooled, adversarial, steps } = together.samples[sample]
      expect(alone.fooled).toBe(fooled)
      expect(alone.steps).toBe(steps)
      adversarial?.forEach((coordinate, feature) => {
        expect(alone.adversarial![feature]).toBeCloseTo(coordinate, 5)
      })
    }
  })

  test('restarts only add to what is fooled, and cost only the samples that still stand', async () => {
    const { model, inputs } = network
    const run = (restarts: number) => attack(model, pgd({ norm, epsilon, steps: 5, restarts }), { inputs, seed })
    const [once, often] = [await run(1), await run(5)]
    once.samples.forEach(({ fooled, gradientQueries }, index) => {
      if (!fooled) return
      expect(often.samples[index]).toMatchObject({ fooled: true, gradientQueries })
    })
    expect(often.fooled).toBeGreaterThanOrEqual(once.fooled)
  })

  test('a larger radius fools no fewer samples', async () => {
    const { model, inputs } = network
    const counts: number[] = []
    for (const factor of [0.25, 0.5, 1, 2, 8]) {
      counts.push((await attack(model, pgd({ norm, epsilon: epsilon * factor }), { inputs, seed })).fooled)
    }
    expect(counts.toSorted((left, right) => left - right)).toEqual(counts)
    expect(counts.at(-1)).toBeGreaterThan(inputs.shape[0] / 2)
  })

  test('the first adversarial example on the way is kept', async () => {
    const { model, inputs } = network
    const run = (steps: number) => {
      const settings = { norm, epsilon, steps, stepSize: epsilon / 10, randomStart: false } as const
      return attack(model, pgd(settings), { inputs, seed })
    }
    const [short, long] = [await run(20), await run(40)]
    short.samples.forEach((sample, index) => {
      if (sample.fooled) expect(long.samples[index].adversarial).toEqual(sample.adversarial)
    })
  })
})

test('samples whose iterate repeats leave', async () => {
  const { model, inputs } = network
  const result = await attack(model, pgd({ epsilon: 0.01, stepSize: 0.0025, steps: 1000 }), { inputs, seed })
  const standing = result.samples.filter(({ fooled }) => !fooled)
  expect(standing.length).toBeGreaterThan(0)
  expect(Math.max(...standing.map(({ gradientQueries }) => gradientQueries))).toBeLessThan(1000)
})
