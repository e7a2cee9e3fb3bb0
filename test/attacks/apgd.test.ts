import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { apgdTargeted } from '../../src/attacks/auto-attack/apgd-targeted.js'
import { checkpointPeriods } from '../../src/attacks/auto-attack/checkpoint-periods.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { linearCase } from './linear-case.js'
import { oneAtATimeCase } from './one-at-a-time.js'
import { randomNetwork } from './random-network.js'

let network: Awaited<ReturnType<typeof randomNetwork>>
beforeAll(async () => {
  network = await randomNetwork(randomSource(seed))
})
afterAll(() => engine.close())

test('checkpoints come after 22 % of the steps, then ever sooner down to 6 %', () => {
  const periods = checkpointPeriods(100)
  const checkpoints = [...periods.keys()].filter((iteration) => periods[iteration] > 0)
  // Table in the paper: the first at 22, then 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99 of all steps.
  expect(checkpoints).toEqual([22, 41, 57, 70, 80, 87, 93, 99])
  expect(checkpoints.map((iteration) => periods[iteration])).toEqual([22, 19, 16, 13, 10, 7, 6, 6])
  expect(checkpointPeriods(1)).toEqual(Float32Array.of(0, 1))
  expect(checkpointPeriods(10)).toEqual(Float32Array.of(0, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1))
})

const norms = ['linf', 'l2', 'l1'] as const

describe.each(norms)('apgd, %s', (norm) => {
  const epsilon = { linf: 0.15, l2: 0.4, l1: 1 }[norm]

  test.each([
    ['cross-entropy', 2],
    ['margin', 2],
    ['dlr', 2],
  ] as const)(
    '%s on linear classifiers of %d classes fools just above the exact distance, not just below',
    async (loss, classes) => {
      const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes })
      const exact = distances(norm)
      const run = (factor: number) =>
        attack(model, apgd({ norm, loss, epsilon: exact.map((distance) => distance * factor), restarts: 3 }), {
          inputs,
          labels,
          seed,
        })
      const above = await run(1.001)
      expect(above.fooled).toBe(labels.length)
      above.samples.forEach(({ distance }, sample) => {
        expect(distance![norm] / exact[sample]).toBeGreaterThan(1 - 1e-5)
        expect(distance![norm] / exact[sample]).toBeLessThanOrEqual(1.001)
      })
      expect((await run(0.999)).fooled).toBe(0)
      await model.close()
    },
  )

  // The ratio also grows as the third class falls behind, which leads away from the nearest boundary.
  test('dlr on linear classifiers of three classes fools some samples just above the exact distance, none below', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 3, count: 20 })
    const run = (factor: number) =>
      attack(model, apgd({ norm, loss: 'dlr', epsilon: distances(norm).map((distance) => distance * factor) }), {
        inputs,
        labels,
        seed,
      })
    expect((await run(1.001)).fooled).toBeGreaterThan(5)
    expect((await run(0.999)).fooled).toBe(0)
    await model.close()
  })

  test.each([
    ['cross-entropy', 3],
    ['margin', 4],
    ['dlr', 2],
    ['dlr', 3],
    ['dlr', 5],
  ] as const)('towards a target, by %s, with %d classes', async (loss, classes) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes })
    const target = labels.map((label) => (label + 1) % classes)
    const wide = await attack(model, apgd({ norm, loss, epsilon: 40, target }), { inputs, labels, seed })
    expect(wide.fooled).toBe(labels.length)
    expect(wide.samples.map(({ adversarialPrediction }) => adversarialPrediction)).toEqual(target)
    const narrow = distances(norm).map((distance) => distance * 0.999)
    expect((await attack(model, apgd({ norm, loss, epsilon: narrow, target }), { inputs, labels, seed })).fooled).toBe(
      0,
    )
    await model.close()
  })

  test.each([2, 3, 6])('apgdTargeted on linear classifiers of %d classes', async (classes) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes })
    const run = (factor: number) =>
      attack(model, apgdTargeted({ norm, epsilon: distances(norm).map((distance) => distance * factor) }), {
        inputs,
        labels,
        seed,
      })
    expect((await run(1.002)).fooled).toBe(labels.length)
    const below = await run(0.999)
    expect(below.fooled).toBe(0)
    expect(below.gradientQueries).toBe(labels.length * 100 * (classes - 1))
    await model.close()
  })

  test('stays in ball and domain, and makes no more queries than steps', async () => {
    const { model, inputs } = network
    const steps = 40
    for (const loss of ['cross-entropy', 'margin', 'dlr'] as const) {
      const result = await attack(model, apgd({ norm, epsilon, steps, loss }), { inputs, seed })
      expect(result.fooled).toBeGreaterThan(0)
      expect(result.gradientQueries).toBeLessThanOrEqual(steps * result.eligible)
      for (const { adversarial, distance } of result.samples) {
        if (!adversarial) continue
        expect(distance![norm]).toBeLessThanOrEqual(epsilon)
        expect(adversarial.every((coordinate) => coordinate >= 0 && coordinate <= 1)).toBe(true)
      }
    }
  })

  test('restarts only add to what is fooled, and cost only the samples that still stand', async () => {
    const { model, inputs } = network
    const run = (restarts: number) => attack(model, apgd({ norm, epsilon, steps: 5, restarts }), { inputs, seed })
    const [once, often] = [await run(1), await run(4)]
    once.samples.forEach(({ fooled, gradientQueries }, index) => {
      if (fooled) expect(often.samples[index]).toMatchObject({ fooled: true, gradientQueries })
    })
    expect(often.gradientQueries).toBeGreaterThan(once.gradientQueries)
  })

  test('the same seed gives the same result, another one another', async () => {
    const { model, inputs } = network
    const points = async (run: number) => {
      const { samples } = await attack(model, apgd({ norm, epsilon }), { inputs, seed: run })
      return samples.map(({ adversarial }) => adversarial)
    }
    expect(await points(seed)).toEqual(await points(seed))
    // In ℓ∞ the first step leads to a corner of the ball, wherever it starts.
    if (norm !== 'linf') expect(await points(seed)).not.toEqual(await points(seed + 1))
  })

  test('frozen features stay, in a domain of its own for each feature', async () => {
    const lower = [0.1, -0.3, 0.7, 0]
    const upper = [0.2, 0.3, 0.7, 0.05]
    const weights = [
      [1, 1, 9, 1],
      [-1, -1, -9, -1],
    ]
    const model = await loadModel(denseModel({ weights, bias: [-6.4, 6.4] }), { domain: { lower, upper } })
    const { domain } = model
    const data = Float32Array.from([...domain.lower, ...domain.upper])
    const radius = norm === 'l1' ? 0.5 : 0.3
    const result = await attack(model, apgd({ norm, epsilon: radius }), { inputs: { data, shape: [2, 4] }, seed })
    expect(result.fooled).toBeGreaterThan(0)
    for (const { adversarial, distance } of result.samples) {
      if (!adversarial) continue
      expect(adversarial[2]).toBe(domain.lower[2])
      adversarial.forEach((coordinate, feature) => {
        expect(coordinate).toBeGreaterThanOrEqual(domain.lower[feature])
        expect(coordinate).toBeLessThanOrEqual(domain.upper[feature])
      })
      expect(distance![norm]).toBeLessThanOrEqual(radius)
    }
    await model.close()
  })
})

test.each(['linf', 'l2'] as const)('step sizes halve until a narrow region is met, %s', async (norm) => {
  // Class 1 only where |x − 0.3| < 0.005, which steps of the ball's diameter jump over; the other feature is of no use.
  const hidden = {
    weights: [
      [1, 0],
      [-1, 0],
    ],
    bias: [-0.3, 0.3],
    activation: 'Relu',
  } as const
  const output = {
    weights: [
      [0, 0],
      [-1, -1],
    ],
    bias: [0, 0.005],
  }
  const model = await loadModel(denseModel(hidden, output), { domain: [-1, 1] })
  const inputs = { data: new Float32Array(20), shape: [10, 2] }
  const run = (steps: number) => attack(model, apgd({ norm, epsilon: 0.5, loss: 'margin', steps }), { inputs, seed })
  expect((await run(100)).fooled).toBe(10)
  // Ten steps are too few to become short enough for all of them.
  expect((await run(10)).fooled).toBeLessThan(10)
  await model.close()
})

test('fools no fewer samples of random networks than pgd with as many steps', async () => {
  let [found, expected, attacked] = [0, 0, 0]
  for (const offset of [0, 1, 2, 3]) {
    const { model, inputs } = await randomNetwork(randomSource(seed + offset))
    for (const norm of norms) {
      for (const loss of ['cross-entropy', 'margin'] as const) {
        const settings = { norm, loss, epsilon: { linf: 0.1, l2: 0.25, l1: 0.6 }[norm], steps: 40 }
        const result = await attack(model, apgd(settings), { inputs, seed })
        found += result.fooled
        attacked += result.eligible
        expected += (await attack(model, pgd(settings), { inputs, seed })).fooled
      }
    }
    await model.close()
  }
  expect(found).toBeGreaterThanOrEqual(expected)
  expect(expected).toBeGreaterThan(attacked / 20)
  expect(found).toBeLessThan(attacked)
})

test('a model that takes one sample at a time gives the same', async () => {
  const { together, alone, inputs } = oneAtATimeCase()
  const results = []
  for (const bytes of [together, alone]) {
    const model = await loadModel(bytes, { domain: [0, 1] })
    expect(model.description.batching).toBe(bytes === alone ? 'one at a time' : 'dynamic')
    for (const method of [apgd({ epsilon: 0.2 }), apgdTargeted({ norm: 'l2', epsilon: 0.2 })]) {
      const { samples } = await attack(model, method, { inputs, seed })
      results.push(samples.map(({ fooled, adversarialPrediction }) => [fooled, adversarialPrediction]))
    }
    await model.close()
  }
  expect(results.slice(2)).toEqual(results.slice(0, 2))
})

test('zero gradients: no step, no NaN, a warning', async () => {
  const dead = await loadModel(
    denseModel({ weights: [[-1, -1]], bias: [-1], activation: 'Relu' }, { weights: [[1], [-1]], bias: [0.5, 0.25] }),
    { domain: [0, 1] },
  )
  const inputs = { data: Float32Array.of(0.25, 0.5), shape: [1, 2] }
  for (const norm of norms) {
    for (const method of [apgd({ norm, epsilon: 0.1 }), apgdTargeted({ norm, epsilon: 0.1 })]) {
      const result = await attack(dead, method, { inputs, seed })
      expect(result.fooled).toBe(0)
      expect(result.warnings.join()).toMatch(/gradient was exactly zero for 1 of 1/)
    }
  }
  await dead.close()
})

test.each([
  ['apgd', apgd({ epsilon: 0.01, steps: 500 })],
  ['apgdTargeted', apgdTargeted({ epsilon: 0.01 })],
] as const)('%s is interrupted by the budget, and the result is valid', async (_, method) => {
  const { model, inputs } = network
  const none = await attack(model, method, { inputs, seed, budget: 0 })
  expect(none).toMatchObject({ interrupted: true, gradientQueries: 0, fooled: 0 })
  const controller = new AbortController()
  const some = await attack(model, method, {
    inputs: takeSamples(inputs, [0, 1, 2]),
    seed,
    budget: { signal: controller.signal },
    onProgress: (fraction) => fraction > 0.1 && controller.abort(),
  })
  expect(some.interrupted).toBe(true)
  expect(some.gradientQueries).toBeGreaterThan(0)
})

test.each<[string, () => unknown, RegExp]>([
  ['no epsilon', () => apgd({} as never), /apgd: epsilon/],
  ['no steps', () => apgd({ epsilon: 1, steps: 0 }), /steps/],
  ['no restarts', () => apgd({ epsilon: 1, restarts: 0 }), /restarts/],
  ['rho 0', () => apgd({ epsilon: 1, rho: 0 }), /rho must be above 0 and at most 1; it is 0/],
  ['rho above 1', () => apgd({ epsilon: 1, rho: 2 }), /rho/],
  [
    'another loss',
    () => apgd({ epsilon: 1, loss: 'logit' as never }),
    /takes the losses cross-entropy, dlr and margin/,
  ],
  ['another norm', () => apgd({ norm: 'l0' as never, epsilon: 1 }), /takes the norms/],
  ['a target between classes', () => apgd({ epsilon: 1, target: 0.5 }), /target/],
  ['no targets', () => apgdTargeted({ epsilon: 1, targets: 0 }), /apgdTargeted: targets/],
  ['another loss of apgdTargeted', () => apgdTargeted({ epsilon: 1, loss: 'ce' as never }), /apgdTargeted takes/],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(SettingsError)
  expect(make).toThrow(message)
})

test('settings are recorded with their defaults', () => {
  const shared = { norm: 'linf', epsilon: 0.1, steps: 100, rho: 0.75, restarts: 1 }
  expect(apgd({ epsilon: 0.1 }).settings).toEqual({ ...shared, loss: 'cross-entropy' })
  expect(apgd({ epsilon: [1, 2], target: 3 }).settings).toMatchObject({ epsilon: 'per sample', target: 3 })
  expect(apgdTargeted({ epsilon: 0.1 }).settings).toEqual({ ...shared, loss: 'dlr', targets: 9 })
})
