import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import type { Attack } from '../../src/attacks/attack.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { hopSkipJump } from '../../src/attacks/without-gradients/hop-skip-jump.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { rayS } from '../../src/attacks/without-gradients/ray-s.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { transfer } from '../../src/attacks/without-gradients/transfer.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError, UnsupportedOperatorError } from '../../src/errors.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount } from '../../src/graph/graph.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { firstSamples, type Inputs } from '../../src/sampling/samples.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'
import { linearCase } from './linear-case.js'
import { oneAtATimeCase } from './one-at-a-time.js'
import { randomNetwork } from './random-network.js'

afterAll(() => engine.close())

interface Setting {
  readonly epsilon?: number
  readonly queries?: number
  readonly target?: number
}

const attacks: Record<string, (setting: Setting) => Attack> = {
  'square linf': ({ epsilon = 0.2, ...rest }) => square({ norm: 'linf', epsilon, ...rest }),
  'square l2': ({ epsilon = 0.5, ...rest }) => square({ norm: 'l2', epsilon, ...rest }),
  hopSkipJump: ({ queries, target }) => hopSkipJump({ queries, target }),
  rayS: ({ queries, target }) => rayS({ queries, target }),
}

function uniformInputs(featureShape: readonly number[], count: number): Inputs {
  const { uniform } = randomSource(seed)
  return {
    data: Float32Array.from({ length: count * elementCount(featureShape) }, uniform),
    shape: [count, ...featureShape],
  }
}

/** Logits are linear in the flattened input, with one more operator in front. */
function flatModel(featureShape: readonly number[], classes: number, operator = 'Identity'): Uint8Array {
  const { normal } = randomSource(seed)
  const features = elementCount(featureShape)
  const weights = Float64Array.from({ length: features * classes }, normal)
  return encodeModel(
    graphOf(featureShape, (builder, input) => {
      const flat = builder.add('Flatten', [builder.add(operator, [input])], { axis: 1 })
      return builder.add('MatMul', [flat, builder.floats(Array.from(weights), [features, classes])])
    }),
  )
}

describe.each(Object.entries(attacks))('%s', (name, make) => {
  let network: Awaited<ReturnType<typeof randomNetwork>>
  beforeAll(async () => {
    network = await randomNetwork(randomSource(seed), 20)
  })

  test('runs nothing but the model, as often as it says', async () => {
    const model = await loadModel(flatModel([12], 3, 'Sinh'), { domain: [0, 1] })
    const inputs = uniformInputs([12], 10)
    await expect(attack(model, pgd({ epsilon: 0.1 }), { inputs, seed })).rejects.toThrow(UnsupportedOperatorError)
    const [compile, gradient, predict] = (['compile', 'inputGradient', 'predict'] as const).map((method) =>
      vi.spyOn(model, method),
    )
    const result = await attack(model, make({ queries: 150 }), { inputs, seed })
    expect(gradient).not.toHaveBeenCalled()
    expect(new Set(compile.mock.calls.map(([key]) => key))).toEqual(new Set(['forward']))
    expect(result.fooled).toBeGreaterThan(0)
    expect(result.gradientQueries).toBe(0)
    const asked = predict.mock.calls.reduce((sum, [batch]) => sum + (batch as Inputs).shape[0], 0)
    const checks = 2 * inputs.shape[0]
    expect(result.forwardQueries).toBe(asked - checks)
    for (const { forwardQueries } of result.samples) expect(forwardQueries).toBeLessThanOrEqual(150)
    await model.close()
  })

  test('the seed decides everything', async () => {
    const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 4, count: 20 })
    const run = async (seed: number) =>
      (await attack(model, make({ epsilon: 2, queries: 400 }), { inputs, labels, seed })).samples
    expect(await run(seed)).toEqual(await run(seed))
    expect(await run(seed)).not.toEqual(await run(seed + 1))
    await model.close()
  })

  test('adversarial examples stay in domain and ball, and leave frozen features alone', async () => {
    const lower = Float32Array.of(0, -1, 0.3, 0, 0, 10, 0, 0)
    const upper = Float32Array.of(1, 2, 0.3, 1, 0.7, 30, 1, 0)
    const random = randomSource(seed)
    const features = lower.length
    // Of the same influence whatever the width of their interval; the boundaries pass through the middle of the domain.
    const weights = range(features * 3).map((index) => {
      const feature = Math.floor(index / 3)
      return random.normal() / (upper[feature] - lower[feature] || 1)
    })
    const middle = lower.map((low, feature) => (low + upper[feature]) / 2)
    const model = await loadModel(
      encodeModel(
        graphOf([features], (builder, input) => {
          const centred = builder.add('Sub', [input, builder.floats(Array.from(middle))])
          return builder.add('MatMul', [centred, builder.floats(weights, [features, 3])])
        }),
      ),
      { domain: { lower, upper } },
    )
    const data = Float32Array.from({ length: 20 * features }, (_, index) => {
      const feature = index % features
      const value = lower[feature] + random.uniform() * (upper[feature] - lower[feature])
      return Math.min(Math.max(value, lower[feature]), upper[feature])
    })
    const epsilon = 0.7
    const { samples, fooled } = await attack(model, make({ epsilon, queries: 200 }), {
      inputs: { data, shape: [20, features] },
      seed,
    })
    expect(fooled).toBeGreaterThan(0)
    for (const { adversarial, distance } of samples) {
      adversarial?.forEach((coordinate, feature) => {
        expect(coordinate).toBeGreaterThanOrEqual(lower[feature])
        expect(coordinate).toBeLessThanOrEqual(upper[feature])
      })
      if (name.startsWith('square') && distance) {
        expect(distance[name === 'square l2' ? 'l2' : 'linf']).toBeLessThanOrEqual(epsilon)
      }
    }
    await model.close()
  })

  test.each([[[7]], [[4, 5]], [[2, 4, 3]], [[6, 5, 3]], [[2, 2, 3, 4]], [[2, 1, 2, 3, 3]], [[1]], [[9, 1, 1]]])(
    'inputs of shape %j, many classes',
    async (featureShape) => {
      const model = await loadModel(flatModel(featureShape, 15), { domain: [0, 1] })
      const inputs = uniformInputs(featureShape, 12)
      const result = await attack(model, make({ epsilon: 2, queries: 150 }), { inputs, seed })
      if (featureShape.length > 1 || featureShape[0] > 1) expect(result.fooled).toBeGreaterThan(4)
      expect(result.interrupted).toBe(false)
      await model.close()
    },
  )

  test('two classes, and a model that takes one sample at a time', async () => {
    const { together, alone, inputs } = oneAtATimeCase()
    const run = async (bytes: Uint8Array) => {
      const model = await loadModel(bytes, { domain: [0, 1] })
      expect(model.classes).toBe(2)
      const { samples } = await attack(model, make({ epsilon: 0.6, queries: 100 }), { inputs, seed })
      await model.close()
      return samples.map(({ fooled, distance, forwardQueries }) => ({ fooled, distance, forwardQueries }))
    }
    const [batched, single] = [await run(together), await run(alone)]
    expect(single).toEqual(batched)
    expect(single.some(({ fooled }) => fooled)).toBe(true)
  })

  test('a target is reached, or the sample counts as not fooled', async () => {
    const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 4, count: 12 })
    const result = await attack(model, make({ epsilon: 6, queries: 400, target: 2 }), { inputs, labels, seed })
    const attacked = result.samples.filter(({ eligible }) => eligible)
    expect(attacked.length).toBeGreaterThan(4)
    expect(attacked.filter(({ fooled }) => fooled).length).toBeGreaterThan(attacked.length / 2)
    for (const { fooled, adversarialPrediction, label } of attacked)
      expect(adversarialPrediction).toBe(fooled ? 2 : label)
    await model.close()
  })

  test('a budget that has ended, and one that ends on the way', async () => {
    const { model, inputs } = network
    const none = await attack(model, make({}), { inputs, seed, budget: 0 })
    expect(none).toMatchObject({ interrupted: true, fooled: 0, forwardQueries: 0 })
    const controller = new AbortController()
    const fractions: number[] = []
    const some = await attack(model, make({ epsilon: 1e-3, queries: 2000 }), {
      inputs,
      seed,
      budget: { signal: controller.signal },
      onProgress: (fraction) => {
        fractions.push(fraction)
        if (fraction > 0.1) controller.abort()
      },
    })
    expect(some.interrupted).toBe(true)
    expect(some.forwardQueries).toBeGreaterThan(0)
    expect(some.forwardQueries).toBeLessThan(2000 * inputs.shape[0] * 0.9)
    expect(fractions.toSorted((left, right) => left - right)).toEqual(fractions)
    expect(fractions[0]).toBeGreaterThan(0)
  })
})

describe('on trained networks', () => {
  let model: Classifier
  let inputs: Inputs
  let labels: Int32Array
  beforeAll(async () => {
    const { modelPath, domain, samples } = await loadFixture('digits_mlp')
    model = await loadModel(modelPath, { domain })
    const first = firstSamples({ ...samples, inputs: { ...samples.inputs, shape: [...samples.inputs.shape] } }, 40)
    inputs = first.inputs
    labels = first.labels!
  })

  test.each([
    ['linf', 0.1],
    ['l2', 0.5],
  ] as const)(
    'square %s fools more than twice as many as noise with the same queries, and most of what gradients do',
    async (norm, epsilon) => {
      const run = (method: Attack) => attack(model, method, { inputs, labels, seed })
      const noise = await run(randomNoise({ norm, epsilon, repeats: 1000 }))
      const found = await run(square({ norm, epsilon, queries: 1000 }))
      expect(noise.fooled).toBeGreaterThan(0)
      expect(found.fooled).toBeGreaterThan(2 * noise.fooled)
      const gradients = await run(pgd({ norm, epsilon, loss: 'margin' }))
      expect(found.fooled).toBeGreaterThan(0.8 * gradients.fooled)
    },
  )

  test('square says so where scores tell it nothing', async () => {
    const steps = encodeModel(
      graphOf([4], (builder, input) => {
        const sums = builder.add('MatMul', [input, builder.floats([1, -1, 1, -1, 1, -1, 1, -1], [4, 2])])
        return builder.add('Sign', [sums])
      }),
    )
    const flat = await loadModel(steps, { domain: [0, 1] })
    const ofOnes = { inputs: { data: new Float32Array(8).fill(1), shape: [2, 4] }, seed }
    const found = await attack(flat, square({ epsilon: 0.5, queries: 50 }), ofOnes)
    expect(found.fooled).toBe(0)
    expect(found.warnings.join()).toMatch(/scores of 2 of 2 eligible samples were the same/)
    const helped = await attack(model, square({ epsilon: 0.001, queries: 50 }), { inputs, labels, seed })
    expect(helped.warnings.join()).not.toMatch(/scores/)
    await flat.close()
  })

  test('restarts of square only add to what is fooled', async () => {
    const run = (restarts: number) =>
      attack(model, square({ epsilon: 0.12, queries: 4, restarts }), { inputs, labels, seed })
    const [once, often] = [await run(1), await run(20)]
    once.samples.forEach(({ fooled, forwardQueries }, index) => {
      if (fooled) expect(often.samples[index]).toMatchObject({ fooled: true, forwardQueries })
    })
    expect(often.fooled).toBeGreaterThan(once.fooled)
  })

  test.each([
    ['rayS', (queries: number) => rayS({ queries }), 'linf'],
    ['hopSkipJump', (queries: number) => hopSkipJump({ queries }), 'l2'],
  ] as const)('%s comes closer with more queries, also for a sample without company', async (_, make, norm) => {
    const run = (queries: number) => attack(model, make(queries), { inputs, labels, seed })
    const [few, many] = [await run(150), await run(900)]
    expect(few.fooled).toBe(few.eligible)
    expect(many.medianDistance).toBeLessThan(0.95 * few.medianDistance)
    const alone = await attack(model, make(900), { ...firstSamples({ inputs, labels }, 1), seed })
    expect(alone.samples[0].fooled).toBe(true)
    expect(alone.medianDistance).toBeLessThan(2 * many.samples[0].distance![norm])
  })

  test('transfer judges on the model what another one was fooled by', async () => {
    const { modelPath, domain } = await loadFixture('digits_mlp')
    const twin = await loadModel(modelPath, { domain })
    const method = pgd({ epsilon: 0.1 })
    const run = (attacked: Attack) => attack(model, attacked, { inputs, labels, seed })
    const direct = await run(method)
    const gradient = vi.spyOn(model, 'compile')
    const transferred = await run(transfer({ attack: method, surrogates: [twin] }))
    expect(new Set(gradient.mock.calls.map(([key]) => key))).toEqual(new Set(['forward']))
    expect(transferred.samples.map(({ adversarial }) => adversarial)).toEqual(
      direct.samples.map(({ adversarial }) => adversarial),
    )
    expect(transferred.fooled).toBeGreaterThan(5)
    expect(transferred.attack.settings).toMatchObject({ attack: 'pgd', epsilon: 0.1, surrogates: expect.any(String) })
    expect(transferred.forwardQueries).toBe(direct.forwardQueries + direct.eligible)
    await twin.close()
  })
})

describe('transfer', () => {
  test('surrogates take turns on the samples that still stand: models of other weights, then the same one', async () => {
    const { model, inputs, labels } = await linearCase(randomSource(seed), { count: 20 })
    const surrogates = await Promise.all([1, 2, 3, 0].map((step) => linearCase(randomSource(seed + step))))
    const models = surrogates.map(({ model }) => model)
    const run = (surrogates: Classifier[]) =>
      attack(model, transfer({ attack: pgd({ epsilon: 2 }), surrogates }), { inputs, labels, seed })
    const alone = await run(models.slice(0, 3))
    const both = await run(models)
    expect(alone.fooled).toBeGreaterThan(0)
    expect(both.fooled).toBeGreaterThan(alone.fooled)
    alone.samples.forEach(({ fooled, adversarial, gradientQueries }, index) => {
      if (fooled) expect(both.samples[index]).toMatchObject({ fooled, adversarial, gradientQueries })
    })
    for (const each of [model, ...models]) await each.close()
  })

  test('what an attack misses on the surrogates, gradients or scores that change, transfer warns of', async () => {
    const load = (emit: Parameters<typeof graphOf>[1]) =>
      loadModel(encodeModel(graphOf([2], emit)), { domain: [-1, 1] })
    const model = await load((builder, input) => builder.add('Identity', [input]))
    // Flat but for a steep step at 0.
    const steps = await load((builder, input) => {
      const steep = builder.add('Mul', [input, builder.scalar(100)])
      return builder.add('Clip', [steep, builder.scalar(-1), builder.scalar(1)])
    })
    const inputs = { data: Float32Array.of(-0.5, 0.9, 0.8, -0.4), shape: [2, 2] }
    const warningsOf = async (method: Attack, ...surrogates: Classifier[]) =>
      (await attack(model, transfer({ attack: method, surrogates }), { inputs, labels: [1, 0], seed })).warnings.join()
    const along = pgd({ epsilon: 0.1 })
    expect(await warningsOf(along, steps)).toMatch(/gradient was exactly zero for 2 of 2/)
    expect(await warningsOf(along, steps, model)).toBe('')
    const patches = square({ epsilon: 0.01, queries: 20 })
    const ofSigns = { inputs: { data: Float32Array.of(0.5, -0.9), shape: [1, 2] }, labels: [0], seed }
    const { warnings } = await attack(model, transfer({ attack: patches, surrogates: [steps] }), ofSigns)
    expect(warnings.join()).toMatch(/scores of 1 of 1 eligible samples were the same/)
    expect(await warningsOf(patches, steps, model)).not.toMatch(/scores/)
    await Promise.all([model.close(), steps.close()])
  })

  test('of a minimal-distance attack the closest result counts', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed))
    const twin = await randomNetwork(randomSource(seed))
    const other = await randomNetwork(randomSource(seed + 1))
    const run = (...surrogates: Classifier[]) =>
      attack(model, transfer({ attack: rayS({ queries: 100 }), surrogates }), { inputs, seed })
    const first = await run(other.model)
    const both = await run(other.model, twin.model)
    expect(both.fooled).toBe(both.eligible)
    first.samples.forEach(({ fooled, distance }, index) => {
      if (fooled) expect(both.samples[index].distance!.linf).toBeLessThanOrEqual(distance!.linf)
    })
    for (const each of [model, twin.model, other.model]) await each.close()
  })

  test.each([
    ['another shape', flatModel([4, 2], 4), [0, 1], /feature shape \[4, 2\], the model under test \[8\]/],
    ['other classes', flatModel([8], 3), [0, 1], /classes 3, the model under test 4/],
    ['another domain', flatModel([8], 4), [0, 2], /upper bound of feature 0 at 2, the model under test 1/],
  ] as const)('a surrogate with %s is refused', async (_, bytes, domain, message) => {
    const { model, inputs } = await randomNetwork(randomSource(seed), 3)
    const surrogate = await loadModel(bytes, { domain })
    const run = attack(model, transfer({ attack: pgd({ epsilon: 0.1 }), surrogates: [surrogate] }), { inputs, seed })
    await expect(run).rejects.toThrow(SettingsError)
    await expect(run).rejects.toThrow(message)
    await surrogate.close()
    await model.close()
  })
})

describe('settings', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['square without epsilon', () => square({} as never), /square: epsilon/],
    ['square with another norm', () => square({ norm: 'l1' as never, epsilon: 1 }), /takes the norms linf, l2/],
    ['square without queries', () => square({ epsilon: 1, queries: 0 }), /queries must be a whole number/],
    ['p of 0', () => square({ epsilon: 1, p: 0 }), /p must be above 0 and at most 1; it is 0/],
    ['p above 1', () => square({ epsilon: 1, p: 1.5 }), /p must be/],
    ['p that is no number', () => square({ epsilon: 1, p: Number.NaN }), /p must be/],
    ['square without restarts', () => square({ epsilon: 1, restarts: 0 }), /restarts/],
    ['another loss', () => square({ epsilon: 1, loss: 'logit' as never }), /losses margin and cross-entropy/],
    ['a target between classes', () => square({ epsilon: 1, target: 0.5 }), /target/],
    ['rayS without queries', () => rayS({ queries: 0.5 }), /rayS: queries/],
    ['rayS with a target below 0', () => rayS({ target: -1 }), /rayS: target/],
    ['hopSkipJump without queries', () => hopSkipJump({ queries: -1 }), /hopSkipJump: queries/],
    ['no initial evaluations', () => hopSkipJump({ initialEvaluations: 0 }), /initialEvaluations/],
    ['no evaluations', () => hopSkipJump({ maxEvaluations: 0 }), /maxEvaluations/],
    ['gamma 0', () => hopSkipJump({ gamma: 0 }), /gamma/],
    ['transfer without surrogates', () => transfer({ attack: rayS(), surrogates: [] }), /surrogates .* it is empty/],
    ['transfer without a list', () => transfer({ attack: rayS() } as never), /surrogates .* it is undefined/],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })

  test('are recorded with their defaults', () => {
    expect(square({ epsilon: 0.1 }).settings).toEqual({
      norm: 'linf',
      epsilon: 0.1,
      queries: 5000,
      p: 0.8,
      restarts: 1,
      loss: 'margin',
    })
    expect(square({ epsilon: [1, 2], target: 3 }).settings).toMatchObject({
      epsilon: 'per sample',
      loss: 'cross-entropy',
      target: 3,
    })
    expect(rayS().settings).toEqual({ norm: 'linf', queries: 5000 })
    expect(hopSkipJump().settings).toEqual({
      norm: 'l2',
      queries: 5000,
      initialEvaluations: 100,
      maxEvaluations: 10_000,
      gamma: 1,
    })
  })
})
