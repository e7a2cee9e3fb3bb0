import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fab, fabTargeted } from '../../src/attacks/auto-attack/fab.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../src/errors.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'
import { linearCase } from './linear-case.js'
import { oneAtATimeCase } from './one-at-a-time.js'
import { randomNetwork } from './random-network.js'

let network: Awaited<ReturnType<typeof randomNetwork>>
beforeAll(async () => {
  network = await randomNetwork(randomSource(seed))
})
afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const

describe.each(norms)('fab, %s', (norm) => {
  test.each([
    ['fab', 2, fab({ norm, steps: 10 })],
    ['fab', 12, fab({ norm, steps: 10 })],
    ['fabTargeted', 2, fabTargeted({ norm, steps: 10 })],
    ['fabTargeted', 7, fabTargeted({ norm, steps: 10 })],
  ] as const)('%s on linear classifiers of %d classes is exact', async (_, classes, method) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes, count: 12 })
    const result = await attack(model, method, { inputs, labels, seed })
    expect(result.fooled).toBe(labels.length)
    result.samples.forEach(({ distance }, sample) => {
      expect(distance![norm] / distances(norm)[sample]).toBeGreaterThan(1 - 1e-4)
      expect(distance![norm] / distances(norm)[sample]).toBeLessThan(1.0005)
    })
    await model.close()
  })

  test('moves every sample to its target', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 3 })
    const target = labels.map((label) => (label + 1) % 3)
    const { samples, fooled } = await attack(model, fab({ norm, target, restarts: 3 }), { inputs, labels, seed })
    expect(fooled).toBe(labels.length)
    samples.forEach((sample, index) => {
      expect(sample.adversarialPrediction).toBe(target[index])
      expect(sample.distance![norm] / distances(norm)[index]).toBeGreaterThan(1 - 1e-4)
    })
    await model.close()
  })

  test('within the domain, the distance is that of the best point of the box', async () => {
    // x + y + 3z > 1.6 from (0.5, 0.5, 0.1) with z at most 0.15: the other two have to give what z cannot.
    const model = await loadModel(
      denseModel({
        weights: [
          [-1, -1, -3],
          [1, 1, 3],
        ],
        bias: [1.6, -1.6],
      }),
      {
        domain: { lower: [0, 0, 0], upper: [1, 1, 0.15] },
      },
    )
    const inputs = { data: Float32Array.of(0.5, 0.5, 0.1), shape: [1, 3] }
    const { samples } = await attack(model, fab({ norm }), { inputs, seed })
    const exact = { linf: 0.075, l2: Math.hypot(0.075, 0.075, 0.05), l1: 0.2 }[norm]
    expect(samples[0].distance![norm] / exact).toBeGreaterThan(1 - 1e-5)
    expect(samples[0].distance![norm] / exact).toBeLessThan(1.005)
    expect(samples[0].adversarial![2]).toBeLessThanOrEqual(model.domain.upper[2])
    await model.close()
  })

  test('restarts never end further away, and cost as much each', async () => {
    const { model, inputs } = network
    const run = (restarts: number) => attack(model, fab({ norm, steps: 8, restarts }), { inputs, seed })
    const [once, often] = [await run(1), await run(4)]
    expect(once.gradientQueries).toBe(8 * once.eligible)
    expect(often.gradientQueries).toBe(32 * once.eligible)
    once.samples.forEach(({ distance }, index) => {
      if (distance) expect(often.samples[index].distance![norm]).toBeLessThanOrEqual(distance[norm])
    })
    expect(often.samples).not.toEqual(once.samples)
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
    const result = await attack(model, fab({ norm, restarts: 3 }), { inputs: { data, shape: [2, 4] }, seed })
    expect(result.fooled).toBeGreaterThan(0)
    for (const { adversarial } of result.samples) {
      if (!adversarial) continue
      expect(adversarial[2]).toBe(domain.lower[2])
      adversarial.forEach((coordinate, feature) => {
        expect(coordinate).toBeGreaterThanOrEqual(domain.lower[feature])
        expect(coordinate).toBeLessThanOrEqual(domain.upper[feature])
      })
    }
    await model.close()
  })

  test('the same seed gives the same result', async () => {
    const { model, inputs } = network
    const run = () => attack(model, fab({ norm, steps: 5, restarts: 2 }), { inputs, seed })
    expect({ ...(await run()), milliseconds: 0 }).toEqual({ ...(await run()), milliseconds: 0 })
  })
})

test.each(['linf', 'l2'] as const)('ends no further away than deepFool, %s', async (norm) => {
  const { model, inputs } = network
  const [found, reference] = [
    await attack(model, fab({ norm, restarts: 3 }), { inputs, seed }),
    await attack(model, deepFool({ norm }), { inputs, seed }),
  ]
  expect(found.fooled).toBeGreaterThanOrEqual(reference.fooled)
  expect(found.medianDistance).toBeLessThanOrEqual(reference.medianDistance)
  const targeted = await attack(model, fabTargeted({ norm, restarts: 3 }), { inputs, seed })
  expect(targeted.fooled).toBeGreaterThanOrEqual(reference.fooled)
  expect(targeted.medianDistance).toBeLessThanOrEqual(1.02 * reference.medianDistance)
})

test('a model that takes one sample at a time gives the same', async () => {
  const { together, alone, inputs } = oneAtATimeCase()
  const medians = []
  for (const bytes of [together, alone]) {
    const model = await loadModel(bytes, { domain: [0, 1] })
    expect(model.description.batching).toBe(bytes === alone ? 'one at a time' : 'dynamic')
    const result = await attack(model, fab({ steps: 10 }), { inputs, seed })
    expect(result.fooled).toBeGreaterThan(0)
    medians.push(result.medianDistance)
    await model.close()
  }
  expect(medians[1]).toBeCloseTo(medians[0], 5)
})

test('zero gradients: no step, no NaN, a warning', async () => {
  const dead = await loadModel(
    denseModel({ weights: [[-1, -1]], bias: [-1], activation: 'Relu' }, { weights: [[1], [-1]], bias: [0.5, 0.25] }),
    { domain: [0, 1] },
  )
  const inputs = { data: Float32Array.of(0.25, 0.5), shape: [1, 2] }
  for (const norm of norms) {
    for (const method of [fab({ norm }), fabTargeted({ norm })]) {
      const result = await attack(dead, method, { inputs, seed })
      expect(result.fooled).toBe(0)
      expect(result.warnings.join()).toMatch(/gradient was exactly zero for 1 of 1/)
    }
  }
  await dead.close()
})

test('gradients that are infinite are an error', async () => {
  // e^(88 x) is a number for x = 1, its derivative is not.
  const bytes = encodeModel(
    graphOf([2], (builder, input) => builder.add('Exp', [builder.add('Mul', [input, builder.scalar(88)])])),
  )
  const model = await loadModel(bytes, { domain: [0, 1] })
  const inputs = { data: Float32Array.of(1, 0.5), shape: [1, 2] }
  await expect(attack(model, fab(), { inputs, seed })).rejects.toThrow(ModelError)
  await model.close()
})

test.each([
  ['fab', fab({ steps: 500 })],
  ['fabTargeted', fabTargeted()],
] as const)('%s is interrupted by the budget, and the result is valid', async (_, method) => {
  const { model, inputs } = network
  const none = await attack(model, method, { inputs, seed, budget: 0 })
  expect(none).toMatchObject({ interrupted: true, gradientQueries: 0, fooled: 0 })
  const controller = new AbortController()
  const some = await attack(model, method, {
    inputs,
    seed,
    budget: { signal: controller.signal },
    onProgress: (fraction) => fraction > 0.1 && controller.abort(),
  })
  expect(some.interrupted).toBe(true)
  expect(some.fooled).toBeGreaterThan(0)
})

test.each<[string, () => unknown, RegExp]>([
  ['another norm', () => fab({ norm: 'l0' as never }), /fab takes the norms/],
  ['no steps', () => fab({ steps: 0 }), /steps/],
  ['no restarts', () => fab({ restarts: 0.5 }), /restarts/],
  ['alphaMax above 1', () => fab({ alphaMax: 1.5 }), /alphaMax must be from 0 to 1; it is 1.5/],
  ['eta below 1', () => fab({ eta: 0.5 }), /eta must be from 1 to 2/],
  ['beta NaN', () => fab({ beta: Number.NaN }), /beta/],
  ['a target below 0', () => fab({ target: -1 }), /target/],
  ['no targets', () => fabTargeted({ targets: 0 }), /fabTargeted: targets/],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(SettingsError)
  expect(make).toThrow(message)
})

test('settings are recorded with their defaults', () => {
  const shared = { norm: 'l2', steps: 100, alphaMax: 0.1, eta: 1.05, beta: 0.9, restarts: 1 }
  expect(fab().settings).toEqual(shared)
  expect(fab({ target: [1, 2] }).settings).toEqual({ ...shared, target: 'per sample' })
  expect(fabTargeted().settings).toEqual({ ...shared, targets: 9 })
})
