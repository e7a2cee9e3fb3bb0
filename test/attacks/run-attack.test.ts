import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack, AttackContext } from '../../src/attacks/attack.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SampleError, SettingsError } from '../../src/errors.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'

// Class 0 where x < y, class 1 where x > y.
const comparison = denseModel({
  weights: [
    [-1, 1],
    [1, -1],
  ],
})
const inputs = { data: Float32Array.of(0.25, 0.5, 0.5, 0.25, 0.25, 0.75), shape: [3, 2] }

let model: Classifier
beforeAll(async () => {
  model = await loadModel(comparison, { domain: [0, 1] })
})
afterAll(() => engine.close())

/** An attack that proposes what it is told to. */
function proposes(candidates: (context: AttackContext) => Float32Array, settings: Partial<Attack> = {}): Attack {
  return {
    name: 'proposal',
    kind: 'fixed-epsilon',
    norm: 'linf',
    epsilon: 0.25,
    settings: {},
    async run(context) {
      const counts = new Int32Array(context.labels.length)
      return { adversarial: candidates(context), steps: counts, gradientQueries: counts, interrupted: false }
    },
    ...settings,
  }
}

describe('eligibility', () => {
  test('without labels every sample is eligible, and the predictions are the labels', async () => {
    const result = await attack(model, fgsm({ epsilon: 0.2 }), { inputs, seed })
    expect(result).toMatchObject({ eligible: 3, fooled: 2, cleanAccuracy: 1, robustAccuracy: 1 / 3 })
    expect(result.samples.map(({ label, fooled }) => [label, fooled])).toEqual([
      [0, true],
      [1, true],
      [0, false],
    ])
    expect(result.foolingRatio.value).toBeCloseTo(2 / 3)
    expect(result.foolingRatio.low).toBeCloseTo(0.0943, 3)
    expect(result.foolingRatio.high).toBeCloseTo(0.9916, 3)
  })

  test('with labels only correctly classified samples are attacked', async () => {
    let seen = 0
    const spy = proposes(({ inputs, labels }) => {
      seen = labels.length
      return inputs.data
    })
    const result = await attack(model, spy, { inputs, labels: [0, 0, 0], seed })
    expect(seen).toBe(2)
    expect(result).toMatchObject({ eligible: 2, fooled: 0, robustAccuracy: 2 / 3 })
    expect(result.samples[1]).toMatchObject({ eligible: false, fooled: false, label: 0, prediction: 1 })
  })

  test('a targeted attack leaves out samples that are of the target class', async () => {
    const result = await attack(model, pgd({ epsilon: 0.3, target: 1 }), { inputs, seed })
    expect(result).toMatchObject({ eligible: 2, fooled: 2, cleanAccuracy: 1 })
    expect(result.samples.map(({ eligible }) => eligible)).toEqual([true, false, true])
    expect(result.samples[2].adversarialPrediction).toBe(1)
  })

  test('nothing eligible: no run, no ratio, a warning', async () => {
    const never = proposes(() => {
      throw new Error('must not run')
    })
    const result = await attack(model, never, { inputs, labels: [1, 0, 1], seed })
    expect(result.foolingRatio).toEqual({ value: Number.NaN, low: 0, high: 1 })
    expect(result).toMatchObject({ eligible: 0, cleanAccuracy: 0, medianDistance: Number.NaN })
    expect(result.warnings.join()).toMatch(/None of the 3 samples was eligible/)
  })
})

describe('re-check', () => {
  test('candidates outside ball and domain are brought back before they are judged', async () => {
    const result = await attack(
      model,
      proposes(({ inputs }) => inputs.data.map((_, index) => (index % 2 ? -9 : 9))),
      {
        inputs,
        seed,
      },
    )
    expect(result.samples.map(({ fooled }) => fooled)).toEqual([true, false, false])
    expect(result.samples[0].adversarial).toEqual(Float32Array.of(0.5, 0.25))
    expect(result.samples[0].distance).toEqual({ linf: 0.25, l2: Math.hypot(0.25, 0.25), l1: 0.5, l0: 2 })
    expect(result.samples[1]).toMatchObject({ adversarial: undefined, distance: undefined, adversarialPrediction: 1 })
  })

  test('what is missing or misspelt is refused', async () => {
    await expect(attack(model, pgd({ epsilon: 0.1 }), undefined as never)).rejects.toThrow(
      'A call looks like attack(model, ',
    )
    await expect(attack(model, { inputs } as never, { inputs })).rejects.toThrow('A call looks like attack(model, ')
    await expect(attack(undefined as never, pgd({ epsilon: 0.1 }), { inputs })).rejects.toThrow(SettingsError)
    await expect(attack(model, pgd({ epsilon: 0.1 }), { inputs, label: [0] } as never)).rejects.toThrow(
      'attack() has no setting "label"',
    )
  })

  test('a sample given back unchanged is not fooled', async () => {
    const result = await attack(
      model,
      proposes(({ inputs }) => inputs.data, { kind: 'minimal-distance' }),
      { inputs },
    )
    expect(result.fooled).toBe(0)
  })

  test('what an attack does to its inputs and labels moves neither the samples nor the ball', async () => {
    const own = { data: inputs.data.slice(), shape: inputs.shape }
    const careless = proposes((context) => {
      context.inputs.data.set([0.5, 0.25, 0.25, 0.5, 1, 0])
      context.labels.fill(1)
      return context.inputs.data
    })
    const { samples } = await attack(model, careless, { inputs: own, seed })
    expect(own.data).toEqual(inputs.data)
    expect(samples.map(({ fooled, distance }) => [fooled, distance?.linf])).toEqual([
      [true, 0.25],
      [true, 0.25],
      [false, undefined],
    ])
    expect(samples.map(({ label }) => label)).toEqual([0, 1, 0])
  })

  test('an attack may propose an array that it keeps', async () => {
    const kept = Float32Array.of(0.75, 0, 0.5, 0.25, 0.25, 0.75)
    const small = await attack(
      model,
      proposes(() => kept),
      { inputs, seed },
    )
    const large = await attack(
      model,
      proposes(() => kept, { epsilon: 0.5 }),
      { inputs, seed },
    )
    expect([small, large].map(({ samples }) => samples[0].distance!.linf)).toEqual([0.25, 0.5])
  })

  test('for a minimal-distance attack any distance counts, within the domain', async () => {
    const far = proposes(({ inputs }) => inputs.data.map((_, index) => (index % 2 ? -9 : 9)), {
      kind: 'minimal-distance',
      epsilon: undefined,
    })
    const result = await attack(model, far, { inputs, seed })
    expect(result.fooled).toBe(2)
    expect(result.samples[2].adversarial).toEqual(Float32Array.of(1, 0))
    expect(result.medianDistance).toBe(0.75)
  })

  test('candidates that are not finite or of a wrong length are errors', async () => {
    const failing = (candidates: (context: AttackContext) => Float32Array) =>
      attack(model, proposes(candidates), { inputs })
    await expect(failing(({ inputs }) => inputs.data.map(() => Number.NaN))).rejects.toThrow(ModelError)
    await expect(failing(() => new Float32Array(3))).rejects.toThrow(/must be shaped like the inputs/)
  })

  test('a model that gives NaN is an error, not a verdict', async () => {
    // √(0.5 − x) is a number at the probes and NaN for inputs above 0.5.
    const bytes = encodeModel(
      graphOf([2], (builder, input) =>
        builder.add('Concat', [builder.add('Sqrt', [builder.add('Sub', [builder.scalar(2), input])]), input], {
          axis: 1,
        }),
      ),
    )
    const broken = await loadModel(bytes, { domain: [0, 10] })
    const inside = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
    const outside = { data: Float32Array.of(5, 5), shape: [1, 2] }
    await expect(attack(broken, randomNoise({ epsilon: 0.1 }), { inputs: outside })).rejects.toThrow(/NaN/)
    await expect(attack(broken, randomNoise({ epsilon: 9 }), { inputs: inside, seed })).rejects.toThrow(ModelError)
    await broken.close()
  })
})

describe('ball and domain', () => {
  const methods: [string, Attack, number][] = (['linf', 'l2', 'l1'] as const).flatMap((norm) => [
    [`fgsm ${norm}`, fgsm({ norm, epsilon: 0.3 }), 0.3],
    [`pgd ${norm}`, pgd({ norm, epsilon: 0.3 }), 0.3],
    [`randomNoise ${norm}`, randomNoise({ norm, epsilon: 0.3, repeats: 200 }), 0.3],
  ])
  methods.push(
    ['pgd l1.5', pgd({ norm: 'l1.5', epsilon: 0.3 }), 0.3],
    ['pgd l3', pgd({ norm: 'l3', epsilon: 0.3 }), 0.3],
  )
  for (const norm of ['linf', 'l3', 'l2', 'l1.5', 'l1'] as const) {
    methods.push([`deepFool ${norm}`, deepFool({ norm }), Infinity])
  }

  test.each(methods)(
    '%s stays in a per-feature domain to the last bit, and frozen features stay',
    async (_, method, epsilon) => {
      const lower = [0.1, -0.3, 0.7, 0]
      const upper = [0.2, 0.3, 0.7, 0.05]
      const weights = [
        [1, 1, 9, 1],
        [-1, -1, -9, -1],
      ]
      const bounded = await loadModel(denseModel({ weights, bias: [-6.4, 6.4] }), { domain: { lower, upper } })
      const { domain } = bounded
      const near = [0.15, 0.02, domain.lower[2], 0.02]
      const data = Float32Array.from([...domain.lower, ...domain.upper, ...near])
      const result = await attack(bounded, method, { inputs: { data, shape: [3, 4] }, seed })
      expect(result.fooled).toBeGreaterThan(0)
      result.samples.forEach(({ adversarial, distance }) => {
        if (!adversarial) return
        expect(adversarial[2]).toBe(domain.lower[2])
        adversarial.forEach((coordinate, feature) => {
          expect(coordinate).toBeGreaterThanOrEqual(domain.lower[feature])
          expect(coordinate).toBeLessThanOrEqual(domain.upper[feature])
        })
        expect(distance![method.norm]).toBeLessThanOrEqual(epsilon)
      })
      await bounded.close()
    },
  )
})

describe('refusals', () => {
  test.each([
    ['inputs of a wrong shape', { inputs: { data: new Float32Array(3), shape: [1, 3] } }],
    ['inputs outside the domain', { inputs: { data: Float32Array.of(2, 0), shape: [1, 2] } }],
    ['inputs that are NaN', { inputs: { data: Float32Array.of(Number.NaN, 0), shape: [1, 2] } }],
    ['too few labels', { inputs, labels: [0] }],
    ['labels that are no classes', { inputs, labels: [0, 1, 2] }],
  ])('%s', async (_, request) => {
    await expect(attack(model, fgsm({ epsilon: 0.1 }), request)).rejects.toThrow(SampleError)
  })

  test.each([
    ['a radius for another number of samples', fgsm({ epsilon: [0.1, 0.2] })],
    ['a target that is no class', fgsm({ epsilon: 0.1, target: 2 })],
    ['targets for another number of samples', pgd({ epsilon: 0.1, target: [1, 1] })],
  ])('%s', async (_, method) => {
    await expect(attack(model, method, { inputs })).rejects.toThrow(SettingsError)
  })
})

describe('seed, time and budget', () => {
  test('a run is replayed by its seed; without one a fresh seed is reported', async () => {
    const network = await loadModel(
      denseModel(
        { weights: [...Array(6)].map((_, row) => [Math.sin(row), Math.cos(row)]), activation: 'Relu' },
        { weights: [0, 1, 2].map((row) => [...Array(6)].map((_, column) => Math.sin(7 * row + column))) },
      ),
      { domain: [0, 1] },
    )
    for (const method of [pgd({ epsilon: 0.2, restarts: 3 }), randomNoise({ epsilon: 0.2 }), deepFool()]) {
      const first = await attack(network, method, { inputs })
      const again = await attack(network, method, { inputs, seed: first.seed })
      expect({ ...again, milliseconds: 0 }).toEqual({ ...first, milliseconds: 0 })
      expect(first.milliseconds).toBeGreaterThan(0)
    }
    await network.close()
  })

  test.each([
    ['pgd', pgd({ epsilon: 0.1 })],
    ['fgsm', fgsm({ epsilon: 0.1 })],
    ['deepFool', deepFool()],
    ['randomNoise', randomNoise({ epsilon: 0.1 })],
  ])('%s without any time left is interrupted, and the result is valid', async (_, method) => {
    for (const budget of [{ milliseconds: 0 }, { signal: AbortSignal.abort() }]) {
      const result = await attack(model, method, { inputs, seed, budget })
      expect(result).toMatchObject({ interrupted: true, eligible: 3, fooled: 0, gradientQueries: 0 })
      expect(result.warnings.join()).toMatch(/budget ended the attack early/)
    }
  })

  test('an attack that is cancelled on the way keeps what it has', async () => {
    const controller = new AbortController()
    const result = await attack(model, pgd({ epsilon: 0.2, steps: 1000, stepSize: 0.001 }), {
      inputs,
      seed,
      budget: { signal: controller.signal },
      onProgress: (fraction) => fraction > 0.1 && controller.abort(),
    })
    expect(result.interrupted).toBe(true)
    expect(result.gradientQueries).toBeGreaterThan(0)
    expect(result.gradientQueries).toBeLessThan(1000)
  })

  test('progress grows from 0 to 1', async () => {
    const fractions: number[] = []
    const onProgress = (fraction: number) => fractions.push(fraction)
    await attack(model, pgd({ epsilon: 0.01, steps: 50, restarts: 2 }), { inputs, seed, onProgress })
    expect(fractions.length).toBeGreaterThan(2)
    expect(fractions.toSorted((left, right) => left - right)).toEqual(fractions)
    expect(fractions.at(-1)).toBe(1)
  })
})

describe('warnings', () => {
  test('none for an ordinary run', async () => {
    expect((await attack(model, pgd({ epsilon: 0.2 }), { inputs, seed })).warnings).toEqual([])
  })

  test('of the model are passed along', async () => {
    const softmax = await loadModel(
      encodeModel(
        graphOf([2], (builder, input) => {
          const sum = builder.add('ReduceSum', [input, builder.ints([1])])
          return builder.add('Div', [input, sum])
        }),
      ),
      { domain: [0.1, 1] },
    )
    const { warnings } = await attack(softmax, fgsm({ epsilon: 0.1 }), { inputs, seed })
    expect(warnings).toEqual(softmax.description.warnings)
    expect(warnings.join()).toMatch(/probabilities/)
    await softmax.close()
  })

  test('poor clean accuracy, only with labels', async () => {
    const { warnings } = await attack(model, fgsm({ epsilon: 0.1 }), { inputs, labels: [1, 0, 0], seed })
    expect(warnings.join()).toMatch(/only 33.3 % of the unperturbed samples/)
  })

  test('zero gradients: no step, no NaN', async () => {
    const dead = await loadModel(
      denseModel({ weights: [[-1, -1]], bias: [-1], activation: 'Relu' }, { weights: [[1], [-1]], bias: [0.5, 0.25] }),
      { domain: [0, 1] },
    )
    for (const norm of ['linf', 'l2', 'l1'] as const) {
      for (const method of [
        fgsm({ norm, epsilon: 0.1 }),
        pgd({ norm, epsilon: 0.1 }),
        pgd({ norm, epsilon: 0.1, loss: 'margin' }),
      ]) {
        const result = await attack(dead, method, { inputs, seed })
        expect(result).toMatchObject({ eligible: 3, fooled: 0 })
        expect(result.warnings.join()).toMatch(/gradient was exactly zero for 3 of 3/)
      }
    }
    const closest = (await attack(dead, deepFool(), { inputs, seed })).warnings.join()
    expect(closest).toMatch(/gradient was exactly zero/)
    expect(closest).toMatch(/found no adversarial example for 3 of 3 eligible samples/)
    expect((await attack(dead, randomNoise({ epsilon: 0.1 }), { inputs, seed })).warnings).toEqual([])
    await dead.close()
  })

  test('a single sample whose gradients are zero, or whose scores never change', async () => {
    // Flat below 0.2, where the class is that of the bias.
    const flat = await loadModel(
      denseModel({ weights: [[1, 0]], bias: [-0.2], activation: 'Relu' }, { weights: [[1], [0]], bias: [0, 0.01] }),
      { domain: [0, 1] },
    )
    const many = { data: Float32Array.from({ length: 60 }, (_, index) => (index === 0 ? 0.1 : 0.5)), shape: [30, 2] }
    const warningsOf = async (method: Attack) => (await attack(flat, method, { inputs: many, seed })).warnings.join()
    expect(await warningsOf(pgd({ epsilon: 0.05 }))).toMatch(/gradient was exactly zero for 1 of 30 eligible/)
    expect(await warningsOf(square({ epsilon: 0.05, queries: 20 }))).toMatch(/scores of 1 of 30 eligible/)
    await flat.close()
  })

  test('a tenth of the samples of which an attack without a radius finds nothing', async () => {
    const many = { data: Float32Array.from({ length: 40 }, (_, index) => (index % 2) / 2), shape: [20, 2] }
    const swapped = (data: Float32Array, count: number) =>
      data.map((value, index) => (index < 2 * count ? 0.5 - value : value))
    const warningsOf = async (found: number, settings: Partial<Attack>) => {
      const method = proposes((context) => swapped(context.inputs.data, found), { epsilon: undefined, ...settings })
      return (await attack(model, method, { inputs: many, seed })).warnings.join()
    }
    const closest = { kind: 'minimal-distance' } as const
    expect(await warningsOf(18, closest)).toMatch(/found no adversarial example for 2 of 20 eligible samples/)
    expect(await warningsOf(19, closest)).toBe('')
    expect(await warningsOf(0, { ...closest, settings: { subsets: '[0]' } })).toBe('')
    expect(await warningsOf(0, { epsilon: 0.1 })).toBe('')
  })

  test('samples that stand although the whole domain is allowed', async () => {
    const stays = ({ inputs }: AttackContext) => new Float32Array(inputs.data)
    const warningsAt = async (epsilon: number) =>
      (await attack(model, proposes(stays, { epsilon }), { inputs, seed })).warnings.join()
    expect(await warningsAt(1)).toMatch(/did not fool 3 of 3 eligible samples although ε lets it go anywhere/)
    expect(await warningsAt(0.999)).toBe('')
  })

  test('random starting points that fool more than the steps after them', async () => {
    const swapped = ({ inputs }: AttackContext) => inputs.data.map((_, index) => inputs.data[index ^ 1])
    const counts = (steps: number[]): Partial<Attack> => ({
      async run(context) {
        const adversarial = swapped(context)
        const gradientQueries = Int32Array.of(10, 10, 10)
        return { adversarial, steps: Int32Array.from(steps), gradientQueries, interrupted: false }
      },
    })
    const warningsAfter = async (steps: number[]) =>
      (await attack(model, proposes(swapped, { epsilon: 0.9, ...counts(steps) }), { inputs, seed })).warnings.join()
    expect(await warningsAfter([0, 0, 4])).toMatch(/Random starting points alone fooled 2 of the 3/)
    expect(await warningsAfter([0, 3, 4])).toBe('')
  })
})

describe('sets that are too large for one part', () => {
  // Four samples of 2¹⁹ features are 8 MiB.
  const features = 2 ** 19
  const count = 10
  const large = { data: new Float32Array(count * features).fill(0.5), shape: [count, features] }
  /** Class 1 where the first feature is above 0.6. */
  const wideGraph = () => {
    const weights = new Float32Array(2 * features)
    weights[features] = 1
    return graphOf([features], (builder, input) =>
      builder.add('Gemm', [input, builder.floats(weights, [2, features]), builder.floats([0.6, 0])], { transB: 1 }),
    )
  }
  let wide: Classifier
  beforeAll(async () => {
    wide = await loadModel(encodeModel(wideGraph()), { domain: [0, 1] })
  })

  test('are attacked part by part, in order, and progress goes on through all of them', async () => {
    const parts: number[] = []
    const random: number[] = []
    const progress: number[] = []
    const fooled: (number | undefined)[] = []
    const raisesFirst = proposes(
      ({ inputs, labels, progress, ...context }) => {
        parts.push(labels.length)
        random.push(...context.random.map(({ uniform }) => uniform()))
        progress(0.5)
        return inputs.data.map((value, index) => (index % features === 0 ? 0.7 : value))
      },
      // Only the last three are fooled.
      { epsilon: Float64Array.from({ length: count }, (_, sample) => (sample < 7 ? 0.05 : 0.25)) },
    )
    const result = await attack(wide, raisesFirst, {
      inputs: large,
      seed,
      onProgress: (done, count) => {
        progress.push(done)
        fooled.push(count)
      },
    })
    expect(parts).toEqual([4, 4, 2])
    expect(result.samples.map(({ fooled }) => Number(fooled))).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
    expect(progress).toEqual([1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1].map((done) => expect.closeTo(done)))
    expect(fooled.filter((count) => count !== undefined)).toEqual([0, 1, 3])
    expect(new Set(random).size).toBe(count)
  })

  test('begin with a small part on an accelerator, which waits for the first', async () => {
    const onAccelerator = await loadModel(encodeModel(wideGraph()), { domain: [0, 1] })
    Object.assign(onAccelerator.description, { device: 'webgpu' })
    const parts: number[] = []
    const method = proposes(({ inputs, labels }) => {
      parts.push(labels.length)
      return inputs.data.slice()
    })
    await attack(onAccelerator, method, { inputs: large, seed })
    expect(parts).toEqual([2, 4, 4])
  })

  test('stand where the budget ended before their part was begun, and examples that nobody keeps are dropped', async () => {
    const begun: (() => void)[] = []
    const ends: Attack = {
      ...proposes(() => new Float32Array(0)),
      run: async ({ inputs, labels }) => {
        // No part ends before two are under way.
        await new Promise<void>((resolve) => {
          if (begun.push(resolve) === 2) for (const goOn of begun) goOn()
        })
        const counts = new Int32Array(labels.length).fill(1)
        const adversarial = inputs.data.map((value, index) => (index % features === 0 ? 0.7 : value))
        return { adversarial, steps: counts, gradientQueries: counts, interrupted: true }
      },
    }
    const keepExample = ({ distance }: { distance?: { linf: number } }) => distance!.linf > 1
    const result = await attack(wide, ends, { inputs: large, seed, keepExample })
    expect(result).toMatchObject({ eligible: count, fooled: 8, interrupted: true, gradientQueries: 8 })
    expect(result.samples.slice(8)).toEqual(
      Array(2).fill(expect.objectContaining({ eligible: true, fooled: false, steps: 0 })),
    )
    expect(result.samples.map(({ adversarial }) => adversarial)).toEqual(Array(count).fill(undefined))
  })
})
