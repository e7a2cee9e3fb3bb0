import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { epsilonSweep, smallestEpsilonAbove } from '../../src/measures/epsilon-sweep.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { linearCase } from '../attacks/linear-case.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'

afterAll(() => engine.close())

describe.each(['linf', 'l2'] as const)('on a linear classifier, %s', (norm) => {
  test('the curve counts the exact distances, for both kinds of attacks', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const exact = distances(norm).toSorted((left, right) => left - right)
    const epsilons = exact.flatMap((distance) => [distance * 1.0005, distance * 0.9995])
    for (const method of [deepFool({ norm }), (epsilon: number) => fgsm({ norm, epsilon })]) {
      const sweep = await epsilonSweep(model, method, { inputs, labels, epsilons, seed })
      expect(sweep.curve.map(({ epsilon }) => epsilon)).toEqual(epsilons.toSorted((left, right) => left - right))
      const expected = sweep.curve.map(({ epsilon }) => exact.filter((distance) => distance <= epsilon).length)
      expect(sweep.curve.map(({ fooled }) => fooled)).toEqual(expected)
      expect(sweep.curve.at(-1)!.foolingRatio).toMatchObject({ value: 1, high: 1 })
      expect(smallestEpsilonAbove(0.99, sweep)).toBeCloseTo(exact.at(-1)!, norm === 'l2' ? 1 : 2)
      expect(smallestEpsilonAbove(0.49, sweep)).toBeLessThan(exact[4] * 1.011)
      expect(smallestEpsilonAbove(0.49, sweep)).toBeGreaterThan(exact[3] * 0.999)
    }
    await model.close()
  })
})

test('a sample that is fooled is not attacked at larger radii', async () => {
  const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
  const largest = Math.max(...distances('linf')) * 1.01
  const request = { inputs, labels, seed }
  const once = await epsilonSweep(model, (epsilon) => fgsm({ epsilon }), { ...request, epsilons: [largest] })
  const again = await epsilonSweep(model, (epsilon) => fgsm({ epsilon }), {
    ...request,
    epsilons: [largest, largest * 2, largest * 3],
  })
  expect(again.gradientQueries).toBe(once.gradientQueries)
  await model.close()
})

test('misclassified samples are no part of the curve', async () => {
  const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 2 })
  const wrong = Array.from(labels, (label, sample) => (sample < 3 ? 1 - label : label))
  const request = { inputs, labels: wrong, epsilons: [1e-6, 10], seed }
  const sweep = await epsilonSweep(model, (epsilon) => fgsm({ epsilon }), request)
  expect(sweep.eligible).toBe(labels.length - 3)
  expect(sweep.samples.filter(({ eligible }) => !eligible)).toHaveLength(3)
  expect(sweep.curve.map(({ fooled }) => fooled)).toEqual([0, labels.length - 3])
  await model.close()
})

test('a curve that stops growing gets a warning', async () => {
  // The first unit is so steep that the sigmoid has no slope left in float32; only the sign of x matters.
  const steep = denseModel(
    { weights: [[1e4], [0]], activation: 'Sigmoid' },
    {
      weights: [
        [1, 0],
        [0, 1],
      ],
    },
  )
  const model = await loadModel(steep, { domain: [-1, 1] })
  const inputs = { data: Float32Array.of(0.9, 0.8, 0.7), shape: [3, 1] }
  const request = { inputs, epsilons: [0.05, 0.1, 1], seed }
  const { curve, warnings } = await epsilonSweep(model, (epsilon) => fgsm({ epsilon }), request)
  expect(curve.map(({ fooled }) => fooled)).toEqual([0, 0, 0])
  expect(warnings.join('\n')).toMatch(/stays at 0 % from ε 0\.05 to 1/)
  const noisy = await epsilonSweep(model, (epsilon) => randomNoise({ epsilon }), request)
  expect(noisy.curve.at(-1)!.fooled).toBe(3)
  expect(noisy.warnings).toEqual([])
  await model.close()
})

test('a spent budget interrupts', async () => {
  const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 2 })
  const request = { inputs, labels, epsilons: [0.1, 0.2], seed, budget: 0 }
  expect((await epsilonSweep(model, (epsilon) => pgd({ epsilon }), request)).interrupted).toBe(true)
  await model.close()
})

test('radii and attacks that do not fit are refused', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 2 })
  const sweep = (method: Parameters<typeof epsilonSweep>[1], epsilons: number[]) =>
    epsilonSweep(model, method, { inputs, epsilons })
  await expect(sweep(deepFool(), [])).rejects.toThrow(SettingsError)
  await expect(sweep(deepFool(), [0.1, 0])).rejects.toThrow(/epsilons is \[0, 0.1\]/)
  await expect(sweep(pgd({ epsilon: 1 }), [1])).rejects.toThrow(/Give a function of ε/)
  await expect(sweep(() => deepFool(), [1])).rejects.toThrow(/give the attack, not a function/)
  // The one would fool nobody at ε 1, the other as many there as at ε 2.
  await expect(sweep(() => pgd({ epsilon: 2 }), [1, 2])).rejects.toThrow(/pgd with the radius 2 for ε 1: it must/)
  await expect(sweep((epsilon) => pgd({ epsilon: epsilon / 255 }), [1, 2])).rejects.toThrow(/in input units/)
  await model.close()
})
