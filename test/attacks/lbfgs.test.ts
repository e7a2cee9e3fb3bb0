import { afterAll, describe, expect, test } from 'vitest'
import { lbfgs } from '../../src/attacks/minimal-distance/lbfgs.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../src/errors.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range, rowOf, takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'
import { firstRadius } from './first-radius.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

describe('linear classifiers', () => {
  test('two classes: the distance is that of the boundary', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2, count: 20 })
    const result = await attack(model, lbfgs(), { inputs, labels, seed })
    result.samples.forEach(({ distance }, sample) => {
      expect(distance!.l2 / distances('l2')[sample]).toBeGreaterThan(1 - 1e-4)
      expect(distance!.l2 / distances('l2')[sample]).toBeLessThan(1.001)
    })
    await model.close()
  })

  // These classes overlap: at many boundaries a third class is as likely as the two.
  test.each([
    [3, 36],
    [12, 32],
  ])('%i classes: the distance is that of the nearest boundary for %i of 40 samples', async (classes, most) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes, count: 40 })
    const result = await attack(model, lbfgs(), { inputs, labels, seed })
    expect(result.fooled).toBe(labels.length)
    const ratios = result.samples.map(({ distance }, sample) => distance!.l2 / distances('l2')[sample])
    expect(Math.min(...ratios)).toBeGreaterThan(1 - 1e-4)
    expect(ratios.filter((ratio) => ratio <= 1.02).length).toBeGreaterThanOrEqual(most)
    await model.close()
  })

  test('a target is reached at its own distance', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const target = labels.map((label) => 1 - label)
    const result = await attack(model, lbfgs({ target }), { inputs, labels, seed })
    result.samples.forEach(({ distance, adversarialPrediction }, sample) => {
      expect(adversarialPrediction).toBe(target[sample])
      expect(distance!.l2 / distances('l2')[sample]).toBeLessThan(1.001)
    })
    await model.close()
  })

  test('every sample has its own target', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 4, count: 12 })
    const target = labels.map((label, sample) => (label + 1 + (sample % 3)) % 4)
    const result = await attack(model, lbfgs({ target }), { inputs, labels, seed })
    expect(result.fooled).toBe(labels.length)
    result.samples.forEach(({ distance, adversarialPrediction }, sample) => {
      expect(adversarialPrediction).toBe(target[sample])
      expect(distance!.l2).toBeGreaterThan(distances('l2')[sample] * (1 - 1e-4))
    })
    await model.close()
  })

  // The shortest d with w·d = −m in the box is clip(−λw), for the one λ that fits.
  test('where the box holds features back, the distance is the shortest within the box', async () => {
    const random = randomSource(seed)
    const features = 12
    const weights = range(features).map(() => Math.fround(random.normal()))
    // The margin at the middle of the box is `offset`; the samples are drawn towards the boundary.
    const total = weights.reduce((sum, weight) => sum + Math.abs(weight), 0)
    const offset = Math.fround(0.4 * total - weights.reduce((sum, weight) => sum + weight / 2, 0))
    const bytes = denseModel({ weights: [weights, weights.map((weight) => -weight)], bias: [offset, -offset] })
    const lower = new Float32Array(features)
    const upper = new Float32Array(features).fill(1)
    lower[3] = upper[3] = 0.5
    const model = await loadModel(bytes, { domain: { lower, upper } })
    const data = Float32Array.from({ length: 10 * features }, (_, index) => {
      const feature = index % features
      return feature === 3 ? 0.5 : 0.5 - 0.5 * Math.sign(weights[feature]) * (0.3 + 0.6 * random.uniform())
    })
    const inputs = { data, shape: [10, features] }
    let clipped = 0
    const shortest = range(10).map((sample) => {
      const origin = rowOf(data, features, sample)
      const margin = origin.reduce((sum, coordinate, feature) => sum + coordinate * weights[feature], offset)
      const at = (multiplier: number) =>
        weights.map((weight, feature) => {
          const moved = origin[feature] - multiplier * Math.sign(margin) * weight
          return Math.min(Math.max(moved, lower[feature]), upper[feature]) - origin[feature]
        })
      const remaining = (multiplier: number) =>
        Math.sign(margin) * (margin + at(multiplier).reduce((sum, step, feature) => sum + step * weights[feature], 0))
      let [below, above] = [0, 1e3]
      for (let halving = 0; halving < 60; halving++) {
        const middle = (below + above) / 2
        if (remaining(middle) > 0) below = middle
        else above = middle
      }
      if (remaining(1e3) >= 0) return undefined
      const steps = at(above)
      clipped += steps.filter((step, feature) => feature !== 3 && [0, 1].includes(origin[feature] + step)).length
      return Math.hypot(...steps)
    })
    const result = await attack(model, lbfgs(), { inputs, seed })
    expect(clipped).toBeGreaterThan(10)
    const reachable = shortest.filter((distance) => distance !== undefined)
    expect(reachable.length).toBeGreaterThan(5)
    result.samples.forEach(({ fooled, distance, adversarial }, sample) => {
      expect(fooled).toBe(shortest[sample] !== undefined)
      if (!fooled) return
      expect(distance!.l2 / shortest[sample]!).toBeGreaterThan(1 - 1e-4)
      expect(distance!.l2 / shortest[sample]!).toBeLessThan(1.005)
      expect(adversarial![3]).toBe(0.5)
      expect(
        adversarial!.every((coordinate, feature) => coordinate >= lower[feature] && coordinate <= upper[feature]),
      ).toBe(true)
    })
    await model.close()
  })
})

// Two inputs, two sigmoids, two classes: the nearest flip can be looked up in all directions.
test('the eight-weight network: within 1 % of the optimum found on a grid', async () => {
  const [first, second] = [
    [
      [1.5, 0.3],
      [-2, 0.3],
    ],
    [
      [-2.4, 1.2],
      [0.5, -2.3],
    ],
  ]
  const margin = (x: number, y: number) => {
    const [a, b] = first.map(([wx, wy]) => 1 / (1 + Math.exp(-wx * x - wy * y)))
    return (second[0][0] - second[1][0]) * a + (second[0][1] - second[1][1]) * b
  }
  const points = [
    [0.5, 1],
    [-1, 0.5],
    [0.9, -1.2],
    [-0.4, -0.6],
  ]
  const nearestFlip = ([x, y]: readonly number[]) => {
    const flips = (radius: number) =>
      range(2000).some((step) => {
        const angle = (Math.PI * step) / 1000
        return margin(x + radius * Math.cos(angle), y + radius * Math.sin(angle)) * margin(x, y) < 0
      })
    return firstRadius(flips, 1e-4)
  }
  const model = await loadModel(denseModel({ weights: first, activation: 'Sigmoid' }, { weights: second }), {
    domain: [-5, 5],
  })
  const inputs = { data: Float32Array.from(points.flat()), shape: [4, 2] }
  const { samples } = await attack(model, lbfgs(), { inputs, seed })
  samples.forEach(({ distance }, sample) => {
    const ratio = distance!.l2 / nearestFlip(points[sample])
    expect(ratio).toBeGreaterThan(0.999)
    expect(ratio).toBeLessThan(1.01)
  })
  await model.close()
})

test('the scale of inputs and of logits does not matter', async () => {
  const random = randomSource(seed)
  for (const [inputScale, logitScale] of [
    [255, 1],
    [1e-3, 1],
    [1, 1e3],
    [1, 1e-3],
  ]) {
    const weights = range(5).map(() => Math.fround(random.normal()))
    const scaled = weights.map((weight) => (weight * logitScale) / inputScale)
    const bytes = denseModel({ weights: [scaled, scaled.map((weight) => -weight)] })
    const model = await loadModel(bytes, { domain: [-10 * inputScale, 10 * inputScale] })
    const data = Float32Array.from({ length: 20 }, () => inputScale * random.normal())
    const result = await attack(model, lbfgs(), { inputs: { data, shape: [4, 5] }, seed })
    result.samples.forEach(({ distance }, sample) => {
      const margin = rowOf(data, 5, sample).reduce((sum, coordinate, feature) => sum + coordinate * weights[feature], 0)
      expect(distance!.l2 / (Math.abs(margin) / Math.hypot(...weights))).toBeLessThan(1.005)
    })
    await model.close()
  }
})

test('the same seed gives the same result, and a batch what its samples give one by one', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 10 })
  const [first, second] = [
    await attack(model, lbfgs(), { inputs, seed }),
    await attack(model, lbfgs(), { inputs, seed }),
  ]
  expect(second.samples).toEqual(first.samples)
  expect(first.fooled).toBeGreaterThan(3)
  for (const sample of range(10)) {
    const alone = await attack(model, lbfgs(), { inputs: takeSamples(inputs, [sample]), seed })
    expect(alone.samples[0]).toEqual(first.samples[sample])
  }
  await model.close()
})

test('counts the gradients and forward passes of each sample', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 6 })
  let runs = 0
  const counted = Object.create(model, {
    compile: {
      value: async (key: string, build: never) => {
        const compiled = await model.compile(key, build)
        return {
          ...compiled,
          run: (feeds: Record<string, { shape: number[] }>) => {
            if (key === 'adversarial loss') runs += feeds[model.graph.inputs[0].name].shape[0]
            return compiled.run(feeds as never)
          },
        }
      },
    },
  })
  const result = await attack(counted, lbfgs(), { inputs, seed })
  expect(result.gradientQueries).toBe(runs)
  for (const { fooled, forwardQueries, steps, gradientQueries } of result.samples) {
    expect(forwardQueries > 0).toBe(fooled)
    expect(forwardQueries).toBeLessThan(12)
    expect(gradientQueries).toBeGreaterThan(steps)
  }
  await model.close()
})

test('progress grows, and ends at 1', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 6 })
  const fractions: number[] = []
  await attack(model, lbfgs(), { inputs, seed, onProgress: (fraction) => fractions.push(fraction) })
  expect(fractions).toEqual(fractions.toSorted((left, right) => left - right))
  expect(fractions.length).toBeGreaterThan(20)
  expect(fractions.at(-1)).toBe(1)
  await model.close()
})

test('a classifier that cannot be fooled is given up after the doublings', async () => {
  const bytes = denseModel({
    weights: [
      [1, 1],
      [-1, -1],
    ],
    bias: [10, -10],
  })
  const model = await loadModel(bytes, { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
  const result = await attack(model, lbfgs({ doublings: 8 }), { inputs, seed })
  expect(result).toMatchObject({ eligible: 1, fooled: 0, interrupted: false })
  expect(result.samples[0].gradientQueries).toBeLessThan(60)
  await model.close()
})

test('a gradient of zero everywhere is reported, NaN is an error', async () => {
  const flat = graphOf([2], (builder, input) => {
    const cut = builder.add('Relu', [builder.add('Sub', [input, builder.scalar(5)])])
    return builder.add('Sub', [cut, builder.floats([0, 1], [1, 2])])
  })
  const model = await loadModel(encodeModel(flat), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
  const result = await attack(model, lbfgs(), { inputs, seed })
  expect(result.fooled).toBe(0)
  expect(result.warnings.join()).toMatch(/gradient was exactly zero for 1 of 1/)
  await model.close()

  const large = range(2).map((row) => range(2).map((column) => (row === column ? 1e30 : 0)))
  const steep = denseModel({ weights: large, activation: 'Tanh' }, { weights: large, bias: [0, 1] })
  const broken = await loadModel(steep, { domain: [0, 1] })
  const atZero = { data: new Float32Array(2), shape: [1, 2] }
  await expect(attack(broken, lbfgs(), { inputs: atZero, seed })).rejects.toThrow(ModelError)
  await broken.close()
})

test('keeps what it has found when the budget ends', async () => {
  const { model, inputs } = await linearCase(randomSource(seed), { classes: 4, count: 40 })
  const controller = new AbortController()
  const result = await attack(model, lbfgs(), {
    inputs,
    seed,
    budget: { signal: controller.signal },
    onProgress: (fraction) => fraction > 0.2 && controller.abort(),
  })
  expect(result.interrupted).toBe(true)
  expect(result.fooled).toBeGreaterThan(0)
  const { gradientQueries } = await attack(model, lbfgs(), { inputs, seed })
  expect(result.gradientQueries).toBeLessThan(0.5 * gradientQueries)
  await model.close()
})

test('settings', () => {
  expect(lbfgs().settings).toEqual({
    corrections: 15,
    iterations: 150,
    initialConstant: 1e-3,
    doublings: 30,
    bisections: 10,
  })
  expect(lbfgs({ target: [0, 1] }).settings).toMatchObject({ target: 'per sample' })
  for (const name of ['corrections', 'iterations', 'doublings', 'bisections', 'initialConstant']) {
    for (const value of [0, -1, Number.NaN]) {
      expect(() => lbfgs({ [name]: value })).toThrow(SettingsError)
      expect(() => lbfgs({ [name]: value })).toThrow(name)
    }
  }
  expect(() => lbfgs({ target: -1 })).toThrow(/target/)
})
