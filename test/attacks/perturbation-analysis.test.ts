import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import type { Attack, AttackRequest, AttackResult } from '../../src/attacks/attack.js'
import { algorithm1 } from '../../src/attacks/perturbation-analysis/algorithm1.js'
import { algorithm2 } from '../../src/attacks/perturbation-analysis/algorithm2.js'
import { bim } from '../../src/attacks/perturbation-analysis/bim.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { ensemble } from '../../src/attacks/perturbation-analysis/ensemble.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { gnm } from '../../src/attacks/perturbation-analysis/gnm.js'
import { perturbationAnalysis } from '../../src/attacks/perturbation-analysis/perturbation-analysis.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { rfgsm } from '../../src/attacks/perturbation-analysis/rfgsm.js'
import { attack } from '../../src/attacks/run-attack.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { firstSamples, type Inputs } from '../../src/sampling/samples.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { linearCase } from './linear-case.js'

let network: { model: Classifier; inputs: Inputs }
beforeAll(async () => {
  const { modelPath, domain, samples } = await loadFixture('digits_mlp')
  network = { model: await loadModel(modelPath, { domain }), inputs: firstSamples(samples, 30).inputs }
})
afterAll(() => engine.close())

const run = (method: Attack) => attack(network.model, method, { inputs: network.inputs, seed })
const points = ({ samples }: AttackResult) => samples.map(({ adversarial }) => adversarial)
const epsilons = { linf: 0.3, l2: 1, l1: 3, 'l1.5': 1.5, l3: 0.6 } as const
const norms = Object.keys(epsilons) as (keyof typeof epsilons)[]

describe.each(norms)('named instances, %s', (norm) => {
  const epsilon = epsilons[norm]
  const instances = (): Attack[] => [
    fgsm({ norm, epsilon }),
    rfgsm({ norm, epsilon }),
    bim({ norm, epsilon }),
    pgd({ norm, epsilon }),
    gnm({ norm, epsilon }),
    algorithm1({ norm, epsilon, dithering: 0.5 }),
    algorithm2({ norm, epsilon }),
    ensemble({ norm, epsilon, surrogates: [network.model] }),
    deepFool({ norm }),
  ]

  test.each(range(9))('instance %i fools, inside ball and domain, the same way each time', async (index) => {
    const [first, again] = [await run(instances()[index]), await run(instances()[index])]
    expect(first.fooled).toBeGreaterThan(0)
    expect(points(again)).toEqual(points(first))
    for (const { adversarial, distance } of first.samples) {
      if (!adversarial) continue
      if (first.attack.kind === 'fixed-epsilon') expect(distance![norm]).toBeLessThanOrEqual(epsilon)
      expect(Math.min(...adversarial)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...adversarial)).toBeLessThanOrEqual(1)
    }
  })

  test('are settings of perturbationAnalysis', async () => {
    const shared = { norm, epsilon }
    const pairs: [Attack, Parameters<typeof perturbationAnalysis>[0]][] = [
      [fgsm(shared), { ...shared, loss: 'cross-entropy' }],
      [rfgsm(shared), { ...shared, loss: 'cross-entropy', randomStart: 0.5, stepSize: epsilon / 2 }],
      [bim(shared), { ...shared, loss: 'cross-entropy', steps: 10 }],
      [pgd(shared), { ...shared, loss: 'cross-entropy', steps: 40, stepSize: epsilon / 16, randomStart: true }],
      [gnm(shared), shared],
      [algorithm1(shared), { ...shared, steps: 10 }],
      [algorithm2(shared), { ...shared, loss: 'logit' }],
      [deepFool({ norm }), { norm, step: 'minimum-norm' }],
    ]
    for (const [named, settings] of pairs) {
      expect(points(await run(perturbationAnalysis(settings)))).toEqual(points(await run(named)))
    }
  })

  test('algorithm1 of one step is gnm; bim is pgd from the sample in steps of epsilon / T', async () => {
    expect(points(await run(algorithm1({ norm, epsilon, steps: 1 })))).toEqual(
      points(await run(gnm({ norm, epsilon }))),
    )
    const steps = 5
    const plain = pgd({ norm, epsilon, steps, stepSize: epsilon / steps, randomStart: false })
    expect(points(await run(bim({ norm, epsilon, steps })))).toEqual(points(await run(plain)))
  })

  test('targeted instances reach the target', async () => {
    const target = 2
    const shared = { norm, epsilon, target }
    for (const method of [
      bim(shared),
      algorithm1(shared),
      algorithm2({ ...shared, steps: 10 }),
      ensemble({ ...shared, steps: 10, surrogates: [network.model] }),
    ]) {
      expect((await run(method)).fooled).toBeGreaterThan(0)
    }
    const { fooled, eligible } = await run(deepFool({ norm, target }))
    expect(fooled).toBeGreaterThan(eligible / 2)
  })

  test('an ensemble of the model alone is the attack itself; the cost is counted per model', async () => {
    const { model } = network
    const shared = { norm, epsilon, steps: 4 }
    const [alone, plain] = [await run(ensemble({ ...shared, surrogates: [model] })), await run(bim(shared))]
    expect(points(alone)).toEqual(points(plain))
    expect(alone).toMatchObject({ gradientQueries: plain.gradientQueries, forwardQueries: plain.gradientQueries })
    const twice = await run(ensemble({ ...shared, surrogates: [model, model] }))
    expect(twice.fooled).toBe(plain.fooled)
    expect(twice.gradientQueries).toBe(2 * plain.gradientQueries)
  })
})

describe('ensembles', () => {
  test('follow their surrogates, not the model under test', async () => {
    // Both tell classes by the sign of one feature: the surrogate by the other one.
    const bySign = (feature: number) => {
      const row = [0, 1].map((index) => Number(index === feature))
      return loadModel(denseModel({ weights: [row, row.map((weight) => -weight)] }), { domain: [-1, 1] })
    }
    const [model, surrogate] = [await bySign(0), await bySign(1)]
    const inputs = { data: Float32Array.of(0.1, 0.1, -0.1, 0.2), shape: [2, 2] }
    const fooledBy = async (surrogates: (typeof model)[]) =>
      (await attack(model, ensemble({ surrogates, epsilon: 0.5 }), { inputs, seed })).fooled
    expect(await fooledBy([surrogate])).toBe(0)
    expect(await fooledBy([model])).toBe(2)
    expect(await fooledBy([surrogate, model])).toBe(2)
    await Promise.all([model.close(), surrogate.close()])
  })

  test('of convolutional networks: two of a kind are the same as one', async () => {
    const { modelPath, domain, samples } = await loadFixture('mnist_lenet')
    const [model, twin] = [await loadModel(modelPath, { domain }), await loadModel(modelPath, { domain })]
    const { inputs } = firstSamples(samples, 10)
    const shared = { epsilon: 0.25, steps: 5 }
    const run = (method: Attack) => attack(model, method, { inputs, seed })
    const [one, two] = [await run(bim(shared)), await run(ensemble({ ...shared, surrogates: [model, twin] }))]
    expect(one.fooled).toBeGreaterThan(0)
    expect(points(two)).toEqual(points(one))
    await Promise.all([model.close(), twin.close()])
  })

  test('of other inputs or classes are refused', async () => {
    const other = await loadModel(denseModel({ weights: [[1], [2]] }), { domain: [0, 1] })
    await expect(run(ensemble({ surrogates: [other], epsilon: 0.1 }))).rejects.toThrow(SettingsError)
    expect(() => ensemble({ surrogates: [], epsilon: 0.1 })).toThrow(/surrogates/)
    await other.close()
  })
})

describe('subsets', () => {
  const pairs = range(32).map((pair) => [2 * pair, 2 * pair + 1])
  const changed = (adversarial: Float32Array, sample: number) =>
    new Set(
      pairs.flatMap((subset, number) =>
        subset.some((feature) => adversarial[feature] !== network.inputs.data[64 * sample + feature]) ? [number] : [],
      ),
    )

  test.each(norms)('only as many as there are steps change, within epsilon, %s', async (norm) => {
    const epsilon = epsilons[norm]
    const fooled: number[] = []
    for (const steps of [1, 2, 4]) {
      const result = await run(algorithm1({ norm, epsilon, steps, subsets: pairs }))
      fooled.push(result.fooled)
      const counts = result.samples.map(({ adversarial }, sample) =>
        adversarial ? changed(adversarial, sample).size : 0,
      )
      // The first adversarial example on the way is kept: a sample fooled at step t has t changed subsets.
      expect(Math.max(...counts)).toBeLessThanOrEqual(steps)
      if (steps > 1) expect(Math.max(...counts)).toBeGreaterThan(1)
      for (const { distance } of result.samples) if (distance) expect(distance[norm]).toBeLessThanOrEqual(epsilon)
    }
    expect(fooled[0]).toBeGreaterThan(0)
    expect(fooled[2]).toBeGreaterThan(fooled[0])
  })

  // The features outside the subsets stay as they are.
  test('leave the other features alone', async () => {
    const { samples, fooled } = await run(
      algorithm1({ epsilon: 1, steps: 2, subsets: [range(64).slice(20, 30), [40]] }),
    )
    expect(fooled).toBeGreaterThan(0)
    samples.forEach(({ adversarial }, sample) => {
      for (const feature of range(64).filter((each) => each !== 40 && (each < 20 || each >= 30))) {
        if (adversarial) expect(adversarial[feature]).toBe(network.inputs.data[64 * sample + feature])
      }
    })
  })

  test.each(norms)('the best one is chosen: exact on a linear classifier, %s', async (norm) => {
    const { model, inputs, labels, weights } = await linearCase(randomSource(seed), { classes: 2 })
    const subsets = [[0, 1], [2, 3, 4], [5]]
    const p = Number(norm === 'linf' ? Infinity : norm.slice(1))
    const gain = (subset: readonly number[]) => {
      const sizes = subset.map((feature) => Math.abs(weights[0][feature] - weights[1][feature]))
      if (p === 1) return Math.max(...sizes)
      const q = p === Infinity ? 1 : p / (p - 1)
      return sizes.reduce((sum, size) => sum + size ** q, 0) ** (1 / q)
    }
    const steepest = Math.max(...subsets.map(gain))
    const distances = (await linearDistances(inputs, labels)).map((margin) => margin / steepest)
    for (const [factor, fooled] of [
      [1.001, labels.length],
      [0.999, 0],
    ]) {
      const epsilon = distances.map((distance) => distance * factor)
      expect(
        (await attack(model, algorithm1({ norm, epsilon, steps: 1, subsets }), { inputs, labels, seed })).fooled,
      ).toBe(fooled)
    }
    await model.close()

    async function linearDistances({ data }: typeof inputs, classes: readonly number[]) {
      const logits = await model.predict({ data, shape: inputs.shape })
      return classes.map((label, sample) => logits[2 * sample + label] - logits[2 * sample + 1 - label])
    }
  })

  test('are never chosen twice, even if one matters most', async () => {
    const model = await loadModel(
      denseModel({
        weights: [
          [10, 1],
          [-10, -1],
        ],
      }),
      { domain: [-9, 9] },
    )
    // Half the margin, 7.5, takes both steps of 1 / √2: the first gains 7.07, the second 0.71.
    const inputs = { data: Float32Array.of(0.75, 0), shape: [1, 2] }
    const method = algorithm1({ norm: 'l2', epsilon: 1, steps: 2, subsets: [[0], [1]] })
    const [{ adversarial, distance }] = (await attack(model, method, { inputs, seed })).samples
    expect(adversarial![0]).toBeCloseTo(0.75 - Math.SQRT1_2, 5)
    expect(adversarial![1]).toBeCloseTo(-Math.SQRT1_2, 5)
    expect(distance!.l2).toBeLessThanOrEqual(1)
    await model.close()
  })

  test('that have no room left are not chosen', async () => {
    const weights = [
      [9, 1],
      [-9, -1],
    ]
    const model = await loadModel(denseModel({ weights, bias: [-0.1, 0.1] }), { domain: [0, 1] })
    // The first feature matters most, but is at its bound.
    const inputs = { data: Float32Array.of(0, 0.25), shape: [1, 2] }
    const result = await attack(model, algorithm1({ epsilon: 0.2, steps: 1, subsets: [[0], [1]] }), { inputs, seed })
    expect(result.fooled).toBe(1)
    expect(result.samples[0].adversarial![0]).toBe(0)
    await model.close()
  })

  test('with features that the model does not have are refused', async () => {
    await expect(run(algorithm1({ epsilon: 0.1, steps: 1, subsets: [[64]] }))).rejects.toThrow(/numbered 0 to 63/)
  })
})

test('rfgsm goes half of the way at random, the other half uphill', async () => {
  const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 2 })
  const epsilon = 2 ** -10
  const points = await lastPoints(model, rfgsm({ epsilon }), { inputs, labels, seed })
  const moves = Array.from(points, (coordinate, index) => Math.abs(coordinate - inputs.data[index]) / epsilon)
  for (const move of moves) expect(Math.min(move, Math.abs(move - 1))).toBeLessThan(1e-3)
  expect(moves.some((move) => move > 0.5)).toBe(true)
  expect(moves.some((move) => move < 0.5)).toBe(true)
  await model.close()
})

describe('dithering', () => {
  // The gradient is zero where the input is, but not around it.
  test('finds a gradient where the point itself has none', async () => {
    const dead = await loadModel(
      denseModel({ weights: [[1, 1]], bias: [-1], activation: 'Relu' }, { weights: [[-1], [1]], bias: [0.2, 0] }),
      { domain: [0, 1] },
    )
    const inputs = { data: Float32Array.from({ length: 40 }, () => 0.45), shape: [20, 2] }
    const fooled = async (dithering: number) =>
      (await attack(dead, algorithm1({ epsilon: 0.3, dithering, steps: 5 }), { inputs, seed })).fooled
    expect(await fooled(0)).toBe(0)
    expect(await fooled(0.5)).toBeGreaterThan(10)
    await dead.close()
  })

  test('moves only the point at which the loss is linearised', async () => {
    const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 2 })
    const epsilon = 1e-3
    // Nobody is fooled, so that what is left is the last point: the same as without dithering, as the gradient is.
    const last = (dithering: number | number[]) =>
      lastPoints(model, algorithm1({ epsilon, steps: 3, dithering }), { inputs, labels, seed })
    const plain = await last(0)
    expect(plain).not.toEqual(inputs.data)
    expect(await last(0.7)).toEqual(plain)
    expect(await last([1, 0, 0.3])).toEqual(plain)
    await model.close()
  })
})

// As in figure 1 of "Perturbation analysis of learning algorithms".
test('iterations fool more than one step, the margin more than the cross-entropy, and noise far fewer', async () => {
  const { modelPath, domain, samples } = await loadFixture('digits_cnn')
  const model = await loadModel(modelPath, { domain })
  const count = 100
  const { inputs, labels } = firstSamples(samples, count)
  const fooled = async (method: Attack) => (await attack(model, method, { inputs, labels, seed })).fooled
  const epsilon = 0.12
  const noise = await fooled(randomNoise({ epsilon }))
  const oneStep = await fooled(fgsm({ epsilon }))
  const margin = await fooled(gnm({ epsilon }))
  const iterated = await fooled(algorithm1({ epsilon }))
  expect(oneStep).toBeGreaterThan(2 * noise)
  expect(margin).toBeGreaterThan(oneStep)
  expect(await fooled(bim({ epsilon }))).toBeGreaterThan(oneStep)
  expect(await fooled(pgd({ epsilon }))).toBeGreaterThan(oneStep)
  expect(iterated).toBeGreaterThan(margin)
  expect(iterated).toBeLessThan(count)
  await model.close()
})

/** The candidates of an attack that fools nobody. */
async function lastPoints(model: Classifier, method: Attack, request: AttackRequest): Promise<Float32Array> {
  let points = new Float32Array()
  const spied: Attack = {
    ...method,
    async run(context) {
      const candidates = await method.run(context)
      points = new Float32Array(candidates.adversarial)
      return candidates
    },
  }
  expect((await attack(model, spied, request)).fooled).toBe(0)
  return points
}
