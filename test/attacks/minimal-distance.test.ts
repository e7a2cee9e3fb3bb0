import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { alma } from '../../src/attacks/minimal-distance/alma.js'
import { carliniWagner } from '../../src/attacks/minimal-distance/carlini-wagner.js'
import { ddn } from '../../src/attacks/minimal-distance/ddn.js'
import { ead } from '../../src/attacks/minimal-distance/ead.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../src/errors.js'
import type { DomainSettings } from '../../src/geometry/domain.js'
import type { AttackNorm, Norm } from '../../src/geometry/norm.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range, takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'
import { linearCase } from './linear-case.js'
import { oneAtATimeCase } from './one-at-a-time.js'

afterAll(() => engine.close())

/** An untrained ReLU network with 8 inputs and 4 classes that meet in the middle of the unit box, and samples of it. */
async function balancedNetwork(random: RandomSource, count: number) {
  const layer = (outputs: number, inputs: number) =>
    range(outputs).map(() => range(inputs).map(() => random.normal() / Math.sqrt(inputs)))
  const [weights, last] = [layer(16, 8), layer(4, 16)]
  const bias = weights.map((row) => -row.reduce((sum, weight) => sum + weight / 2, 0))
  const model = await loadModel(denseModel({ weights, bias, activation: 'Relu' }, { weights: last }), {
    domain: [0, 1],
  })
  return {
    model,
    inputs: { data: Float32Array.from({ length: count * 8 }, () => random.uniform()), shape: [count, 8] },
  }
}

type Target = { readonly target?: number | readonly number[] }
interface Case {
  readonly name: string
  readonly norm: AttackNorm
  make(settings?: Target & { readonly steps?: number }): Attack
}

const cases: readonly Case[] = [
  { name: 'ddn', norm: 'l2', make: (settings) => ddn(settings) },
  ...(['l0', 'l1', 'l2', 'linf'] as const).map((norm) => ({
    name: `fmn ${norm}`,
    norm,
    make: (settings?: object) => fmn({ norm, ...settings }),
  })),
  { name: 'carliniWagner', norm: 'l2', make: (settings) => carliniWagner(settings) },
  { name: 'ead', norm: 'l1', make: (settings) => ead(settings) },
  ...(['l1', 'l2'] as const).map((norm) => ({
    name: `alma ${norm}`,
    norm,
    make: (settings?: object) => alma({ norm, ...settings }),
  })),
]
// The share of ℓ2 in the elastic net moves its optimum off that of ℓ1; with a larger share of ℓ1 it is close.
const sparser = { regularisation: 0.3, binarySearchSteps: 15 }
const withClosedForm = cases
  .filter(({ norm }) => norm !== 'l0')
  .map((of) => (of.name === 'ead' ? { ...of, make: (settings?: Target) => ead({ ...sparser, ...settings }) } : of))

// On a linear classifier the distance to the boundary is |margin| / ‖w‖ in the dual norm.
describe.each(withClosedForm)('$name on linear classifiers', ({ norm, make }) => {
  test('finds the nearest of several classes within 2 %', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 5, count: 20 })
    const result = await attack(model, make(), { inputs, labels, seed })
    expect(result.fooled).toBe(labels.length)
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm as Norm] / distances(norm as Norm)[index]).toBeGreaterThan(1 - 1e-4)
      expect(sample.distance![norm as Norm] / distances(norm as Norm)[index]).toBeLessThan(1.02)
    })
    await model.close()
  })

  test('targeted and with two classes, the distance is that to the target, within 2 %', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2, count: 12 })
    const target = labels.map((label) => 1 - label)
    for (const method of [make(), make({ target })]) {
      const result = await attack(model, method, { inputs, labels, seed })
      expect(result.fooled).toBe(labels.length)
      result.samples.forEach((sample, index) => {
        expect(sample.distance![norm as Norm] / distances(norm as Norm)[index]).toBeGreaterThan(1 - 1e-4)
        expect(sample.distance![norm as Norm] / distances(norm as Norm)[index]).toBeLessThan(1.02)
      })
    }
    await model.close()
  })

  test('finds the same when inputs are in other units', async () => {
    const distancesIn = async (unit: number) => {
      const random = randomSource(seed)
      const weights = range(3).map(() => range(6).map(() => random.normal() / unit))
      const model = await loadModel(denseModel({ weights }), { domain: [0, unit] })
      const inputs = { data: Float32Array.from({ length: 48 }, () => unit * random.uniform()), shape: [8, 6] }
      const { samples } = await attack(model, make(), { inputs, seed })
      await model.close()
      return samples.map(({ distance }) => (distance ? distance[norm] / unit : Number.NaN))
    }
    const [ones, bytes] = [await distancesIn(1), await distancesIn(255)]
    expect(ones.filter(Number.isFinite).length).toBeGreaterThan(0)
    ones.forEach((distance, sample) => {
      if (Number.isNaN(distance)) expect(bytes[sample]).toBeNaN()
      else expect(bytes[sample] / distance).toBeCloseTo(1, 2)
    })
  })
})

describe.each(cases)('$name', ({ norm, make }) => {
  let network: Awaited<ReturnType<typeof balancedNetwork>>
  beforeAll(async () => {
    network = await balancedNetwork(randomSource(seed), 20)
  })
  afterAll(() => network.model.close())

  test('fools all samples of a network, about as near as deepFool, and stays in the domain', async () => {
    const { model, inputs } = network
    const result = await attack(model, make(), { inputs, seed })
    expect(result.fooled).toBeGreaterThanOrEqual(result.eligible - 1)
    expect(result.warnings).toEqual([])
    expect(result.interrupted).toBe(false)
    for (const { adversarial } of result.samples) {
      adversarial?.forEach((coordinate, feature) => {
        expect(coordinate).toBeGreaterThanOrEqual(model.domain.lower[feature])
        expect(coordinate).toBeLessThanOrEqual(model.domain.upper[feature])
      })
    }
    if (norm === 'l0') expect(result.medianDistance).toBeLessThan(5)
    else {
      const simple = await attack(model, deepFool({ norm }), { inputs, seed })
      expect(result.medianDistance).toBeLessThan(1.05 * simple.medianDistance)
    }
  })

  test('gives the same again', async () => {
    const { model, inputs } = network
    const [first, second] = [
      await attack(model, make(), { inputs, seed }),
      await attack(model, make(), { inputs, seed: seed + 1 }),
    ]
    second.samples.forEach(({ adversarial }, index) => {
      expect(adversarial).toEqual(first.samples[index].adversarial)
    })
  })

  test('ends just beyond the boundary', async () => {
    const { model, inputs } = network
    const { samples } = await attack(model, make(), { inputs, seed })
    const fooled = range(samples.length).filter((sample) => samples[sample].fooled)
    for (const sample of fooled.slice(0, 5)) {
      const { data } = takeSamples(inputs, [sample])
      const adversarial = samples[sample].adversarial!
      const retreats =
        norm === 'l0'
          ? range(data.length)
              .filter((feature) => adversarial[feature] !== data[feature])
              .map((feature) => adversarial.with(feature, data[feature]))
          : [data.map((value, feature) => value + 0.999 * (adversarial[feature] - value))]
      for (const retreat of retreats) {
        const logits = await model.predict({ data: retreat, shape: [1, data.length] })
        expect(logits.indexOf(Math.max(...logits))).toBe(samples[sample].label)
      }
    }
  })

  test('a targeted attack reaches its target', async () => {
    const { model, inputs } = network
    const free = await attack(model, make(), { inputs, seed })
    const target = free.samples.map(({ adversarialPrediction }) => adversarialPrediction)
    const aimed = await attack(model, make({ target }), { inputs, seed })
    expect(aimed.fooled).toBeGreaterThanOrEqual(aimed.eligible - 1)
    aimed.samples.forEach(({ fooled, adversarialPrediction }, index) => {
      if (fooled) expect(adversarialPrediction).toBe(target[index])
    })
    expect(aimed.medianDistance).toBeLessThan(1.1 * free.medianDistance)
  })

  test('frozen features stay, to the last bit', async () => {
    const { model, inputs } = network
    const settings: DomainSettings = {
      lower: range(8).map((feature) => (feature < 3 ? 0.3 : 0)),
      upper: range(8).map((feature) => (feature < 3 ? 0.3 : 1)),
    }
    const partly = await loadModel(encodeModel(model.graph), { domain: settings })
    const data = inputs.data.map((value, index) => (index % 8 < 3 ? 0.3 : value))
    const result = await attack(partly, make(), { inputs: { data, shape: inputs.shape }, seed })
    expect(result.fooled).toBeGreaterThan(0.5 * result.eligible)
    for (const { adversarial } of result.samples) {
      if (adversarial) expect(adversarial.slice(0, 3)).toEqual(new Float32Array(3).fill(Math.fround(0.3)))
    }
    await partly.close()
  })

  test('a batch gives what its samples give alone', async () => {
    const { together, alone, inputs } = oneAtATimeCase()
    const [batch, single] = [await loadModel(together, { domain: [0, 1] }), await loadModel(alone, { domain: [0, 1] })]
    expect(single.description.batching).toBe('one at a time')
    const [first, second] = [
      await attack(batch, make(), { inputs, seed }),
      await attack(single, make(), { inputs, seed }),
    ]
    second.samples.forEach(({ fooled, distance }, index) => {
      expect(fooled).toBe(first.samples[index].fooled)
      if (fooled) expect(distance![norm]).toBeCloseTo(first.samples[index].distance![norm], 4)
    })
    await Promise.all([batch.close(), single.close()])
  })

  test('takes no more gradients than its steps, and counts the forward passes of the bisection', async () => {
    const { model, inputs } = network
    const { samples } = await attack(model, make({ steps: 40 }), { inputs, seed })
    const rounds = /alma|ddn|fmn/.test(make().name) ? 1 : 9
    for (const { gradientQueries, forwardQueries, fooled } of samples) {
      expect(gradientQueries).toBeGreaterThan(10)
      expect(gradientQueries).toBeLessThanOrEqual(40 * rounds + (rounds > 1 ? 3 : 0))
      if (fooled) expect(forwardQueries).toBeGreaterThan(0)
    }
  })

  test('says so when the gradient vanishes', async () => {
    const flat = await loadModel(flatModel, { domain: [0, 1] })
    const result = await attack(flat, make(), { inputs: { data: Float32Array.of(0.2, 0.4), shape: [2, 1] }, seed })
    expect(result.fooled).toBe(0)
    expect(result.warnings.join()).toMatch(/gradients? .*zero|vanish/i)
    await flat.close()
  })

  test('keeps what it has found when the budget ends', async () => {
    const { model, inputs } = network
    const controller = new AbortController()
    const result = await attack(model, make({ steps: 1000 }), {
      inputs,
      seed,
      budget: { signal: controller.signal },
      onProgress: (fraction) => fraction > 0.3 && controller.abort(),
    })
    expect(result.interrupted).toBe(true)
    expect(result.fooled).toBeGreaterThan(0)
  })

  test('a gradient that is not finite is an error, not robustness', async () => {
    const broken = await loadModel(steep, { domain: [0, 1] })
    const inputs = { data: Float32Array.of(1, 0.5), shape: [1, 2] }
    await expect(attack(broken, make(), { inputs, seed })).rejects.toThrow(ModelError)
    await broken.close()
  })
})

// Below its threshold the unit has no gradient, and nothing in the domain reaches it.
const flatModel = denseModel(
  { weights: [[1], [1]], bias: [-2, -2], activation: 'Relu' },
  {
    weights: [
      [1, 0],
      [0, 1],
    ],
    bias: [1, 0],
  },
)

// e^(88 x) is a number for x = 1, its derivative is not.
const steep = encodeModel(
  graphOf([2], (builder, input) => builder.add('Exp', [builder.add('Mul', [input, builder.scalar(88)])])),
)

describe('carliniWagner and ead with a confidence', () => {
  test.each([
    ['carliniWagner', carliniWagner],
    ['ead', ead],
  ] as const)('%s: another class leads by the confidence', async (_, make) => {
    const { model, inputs } = await balancedNetwork(randomSource(seed), 10)
    const confidence = 0.1
    const lead = (logits: Float32Array, label: number) =>
      Math.max(...logits.filter((_, index) => index !== label)) - logits[label]
    const { samples, fooled } = await attack(model, make({ confidence }), { inputs, seed })
    expect(fooled).toBeGreaterThan(0)
    for (const { adversarial, label } of samples) {
      if (!adversarial) continue
      const logits = await model.predict({ data: adversarial, shape: [1, 8] })
      expect(lead(logits, label)).toBeGreaterThan(confidence - 1e-5)
    }
    await model.close()
  })
})

test('ead: the elastic-net rule prefers a smaller elastic-net distance, the l1 rule a smaller l1 distance', async () => {
  const { model, inputs } = await balancedNetwork(randomSource(seed), 20)
  const run = (decisionRule: 'l1' | 'elastic-net') => attack(model, ead({ decisionRule }), { inputs, seed })
  const [sparse, elastic] = [await run('l1'), await run('elastic-net')]
  const mean = ({ samples }: typeof sparse, norm: 'l1' | 'l2') =>
    samples.reduce((sum, { distance }) => sum + (distance?.[norm] ?? 0) / samples.length, 0)
  expect(mean(sparse, 'l1')).toBeLessThanOrEqual(mean(elastic, 'l1'))
  expect(mean(elastic, 'l2')).toBeLessThanOrEqual(mean(sparse, 'l2'))
  await model.close()
})

describe('settings that make no sense are refused', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['no steps', () => ddn({ steps: 0 }), /ddn: steps must be a whole number of at least 1; it is 0/],
    ['gamma 0', () => ddn({ gamma: 0 }), /ddn: gamma must be a number between 0 and 1; it is 0/],
    ['gamma 1', () => fmn({ gamma: 1 }), /fmn: gamma/],
    ['epsilon 0', () => ddn({ initialEpsilon: 0 }), /initialEpsilon/],
    ['no target classes', () => fmn({ targetClasses: 0 }), /targetClasses/],
    ['another norm', () => fmn({ norm: 'l3' as never }), /takes the norms l0, l1, l2, linf; norm is "l3"/],
    ['alpha 0', () => fmn({ alpha: 0 }), /alpha/],
    ['a target below 0', () => fmn({ target: -1 }), /target/],
    ['no constants', () => carliniWagner({ binarySearchSteps: 0 }), /binarySearchSteps/],
    ['a constant of 0', () => ead({ initialConstant: 0 }), /initialConstant/],
    ['a learning rate of 0', () => carliniWagner({ learningRate: 0 }), /learningRate/],
    [
      'a confidence below 0',
      () => carliniWagner({ confidence: -1 }),
      /confidence must be a finite number of at least 0/,
    ],
    ['no regularisation', () => ead({ regularisation: 0 }), /regularisation/],
    ['another rule', () => ead({ decisionRule: 'EN' as never }), /takes the decision rules l1 and elastic-net/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })

  test('settings are recorded with their defaults', () => {
    expect(ddn().settings).toEqual({ steps: 100, gamma: 0.05, initialEpsilon: 'estimated', targetClasses: 2 })
    expect(fmn({ norm: 'linf', target: 3 }).settings).toEqual({
      norm: 'linf',
      steps: 100,
      alpha: 10,
      gamma: 0.05,
      target: 3,
    })
    expect(carliniWagner().settings).toEqual({
      binarySearchSteps: 9,
      steps: 100,
      learningRate: 'estimated',
      initialConstant: 'estimated',
      confidence: 0,
      abortEarly: true,
    })
    expect(ead().settings).toMatchObject({ regularisation: 0.1, decisionRule: 'l1' })
  })
})
