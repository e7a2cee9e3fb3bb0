import { afterAll, describe, expect, test } from 'vitest'
import { linearRegion } from '../../src/attacks/linear-region/linear-region.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError, UnsupportedOperatorError } from '../../src/errors.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { median } from '../../src/statistics/median.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { linearCase } from './linear-case.js'
import { randomNetwork } from './random-network.js'
import { wedge } from './wedge.js'

afterAll(() => engine.close())

/** A random classifier of the unit square with two hidden layers and the distances of its centre to the nearest point of a grid that is of another class. */
async function plane(random: ReturnType<typeof randomSource>) {
  const layer = (outputs: number, inputs: number) => range(outputs).map(() => range(inputs).map(() => random.normal()))
  const [first, second, last] = [layer(10, 2), layer(8, 10), layer(3, 8)]
  const bias = first.map(([x, y]) => -0.5 * (x + y) + 0.3 * random.normal())
  const model = await loadModel(
    denseModel(
      { weights: first, bias, activation: 'Relu' },
      { weights: second, activation: 'Relu' },
      { weights: last },
    ),
    { domain: [0, 1] },
  )
  const pitch = 1 / 200
  const points = range(201 ** 2).map((index) => [(index % 201) * pitch, Math.floor(index / 201) * pitch])
  const logits = await model.predict({ data: Float32Array.from(points.flat()), shape: [points.length, 2] })
  const classOf = (index: number) => {
    const scores = logits.subarray(3 * index, 3 * index + 3)
    return scores.indexOf(Math.max(...scores))
  }
  const centre = points.findIndex(([x, y]) => x === 0.5 && y === 0.5)
  const others = points.filter((_, index) => classOf(index) !== classOf(centre))
  const nearest = (length: (x: number, y: number) => number) =>
    others.reduce(
      (least, [x, y]) => Math.min(least, length(Math.abs(x - 0.5), Math.abs(y - 0.5))),
      Number.POSITIVE_INFINITY,
    )
  return {
    model,
    distances: { l2: nearest(Math.hypot), linf: nearest(Math.max), l1: nearest((x, y) => x + y) },
  }
}

describe.each(['l2', 'linf', 'l1'] as const)('linearRegion %s', (norm) => {
  test('is exact on linear classifiers', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 5, count: 10 })
    const { samples, fooled } = await attack(model, linearRegion({ norm }), { inputs, labels, seed })
    expect(fooled).toBe(labels.length)
    samples.forEach(({ distance }, index) => {
      const exact = distances(norm)[index]
      expect(Math.abs(distance![norm] - exact)).toBeLessThan(2e-5 * exact + 5e-7)
    })
    await model.close()
  })

  test('finds the tip of a wedge, at a kink', async () => {
    const random = randomSource(seed)
    const inputs = { data: Float32Array.of(0, 0), shape: [1, 2] }
    for (const _ of range(5)) {
      const { model, distances } = await wedge(random)
      const { samples } = await attack(model, linearRegion({ norm, starts: [fmn({ norm }), deepFool({ norm })] }), {
        inputs,
        seed,
      })
      const ratio = samples[0].distance![norm] / distances[norm]
      expect(ratio).toBeGreaterThan(1 - 1e-5)
      expect(ratio).toBeLessThan(1 + 2e-5)
      await model.close()
    }
  })

  test('finds nothing further away than a grid does', async () => {
    const random = randomSource(seed)
    let compared = 0
    for (const _ of range(5)) {
      const { model, distances } = await plane(random)
      const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
      const { samples } = await attack(model, linearRegion({ norm }), { inputs, seed })
      if (Number.isFinite(distances[norm])) {
        expect(samples[0].distance![norm]).toBeLessThanOrEqual(distances[norm] + 1e-5)
        compared++
      }
      await model.close()
    }
    expect(compared).toBeGreaterThan(1)
  })

  test('is never further than its starts; so is the exploration of the paper', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed), 12)
    const first = await attack(model, deepFool({ norm }), { inputs, seed })
    const paper = { exploration: 'paper', n1: 2, n2: 3, n3: 2, n4: 2 } as const
    for (const settings of [{}, paper]) {
      const improved = await attack(model, linearRegion({ norm, ...settings }), { inputs, seed })
      expect(improved.fooled).toBeGreaterThanOrEqual(first.fooled)
      expect(improved.warnings).toEqual([])
      const ratios = range(first.samples.length)
        .filter((sample) => first.samples[sample].fooled)
        .map((sample) => improved.samples[sample].distance![norm] / first.samples[sample].distance![norm])
      expect(Math.max(...ratios)).toBeLessThanOrEqual(1 + 1e-7)
      expect(Math.min(...ratios)).toBeLessThan(0.99)
    }
    await model.close()
  })

  test('a targeted attack reaches its target', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed), 12)
    const free = await attack(model, linearRegion({ norm }), { inputs, seed })
    const target = free.samples.map(({ adversarialPrediction }) => adversarialPrediction)
    const aimed = await attack(model, linearRegion({ norm, target }), { inputs, seed })
    const ratios = aimed.samples.flatMap(({ fooled, adversarialPrediction, distance }, index) => {
      if (!fooled) return []
      expect(adversarialPrediction).toBe(target[index])
      return [distance![norm] / free.samples[index].distance![norm]]
    })
    expect(median(ratios)).toBeCloseTo(1, 3)
    expect(aimed.fooled).toBeGreaterThanOrEqual(aimed.eligible - 1)
    await model.close()
  })
})

/** The distance from (0, 0) to where 1 − y + Σ weight · relu(row · (x, y) + bias) is not above 0, by linearRegion. */
async function distanceInPlane(
  units: readonly { row: [number, number]; bias: number; weight: number }[],
  { kicks } = { kicks: 0 },
) {
  // relu(1 − y + 9) − 9 is 1 − y in the domain.
  const model = await loadModel(
    denseModel(
      {
        weights: [[0, -1], ...units.map(({ row }) => row)],
        bias: [10, ...units.map(({ bias }) => bias)],
        activation: 'Relu',
      },
      {
        weights: [
          [1, ...units.map(({ weight }) => weight)],
          [0, ...units.map(() => 0)],
        ],
        bias: [-9, 0],
      },
    ),
    { domain: [-3, 3] },
  )
  const inputs = { data: Float32Array.of(0, 0), shape: [1, 2] }
  const { samples } = await attack(model, linearRegion({ starts: [deepFool()], kicks }), { inputs, seed })
  await model.close()
  return samples[0].distance!.l2
}

test('looks beyond faces that do not hold back the nearest solution so far', async () => {
  // For x ≤ 0.3 the boundary is y = 1, nearest at (0, 1), where it and nothing else holds back. Beyond it is x + y = 1.3.
  const distance = await distanceInPlane([{ row: [1, 0], bias: -0.3, weight: -1 }])
  expect(Math.abs(distance / (1.3 / Math.SQRT2) - 1)).toBeLessThan(2e-5)
})

test('finds what is nearer on the other side of the sample, from points around it', async () => {
  // The boundary is y = 1 and, as 1 − y is no larger than 10 (−y − 0.6) from there on, y = −7/9.
  const pocket = [{ row: [0, -1] as [number, number], bias: -0.6, weight: -10 }]
  expect(await distanceInPlane(pocket)).toBeCloseTo(1, 4)
  const distance = await distanceInPlane(pocket, { kicks: 100 })
  expect(Math.abs(distance / (7 / 9) - 1)).toBeLessThan(2e-5)
})

test('takes a tip that is not adversarial further out', async () => {
  // Class 1 is the wedge between the rays from (0, 1) along (10, 1) and (10, 3): everything above the tip is of class 0.
  const distance = await distanceInPlane([
    { row: [0.1, 0], bias: 3, weight: 1 },
    { row: [-0.4, 2], bias: -2, weight: 1 },
    { row: [0, 0], bias: 3, weight: -1 },
  ])
  expect(distance).toBeGreaterThan(1 - 1e-6)
  expect(distance).toBeLessThan(1 + 2e-4)
})

test('keeps what the starts found when the budget ends', async () => {
  const { model, inputs } = await randomNetwork(randomSource(seed), 12)
  const start = await attack(model, deepFool(), { inputs, seed })
  const controller = new AbortController()
  const result = await attack(model, linearRegion(), {
    inputs,
    seed,
    budget: { signal: controller.signal },
    onProgress: (fraction) => fraction >= 0.5 && controller.abort(),
  })
  expect(result.interrupted).toBe(true)
  expect(result.fooled).toBeGreaterThanOrEqual(start.fooled)
  await model.close()
})

test('refuses a model that is not piecewise affine, by the name of the operator', async () => {
  const smooth = denseModel(
    { weights: [[1], [-1]], activation: 'Sigmoid' },
    {
      weights: [
        [1, 0],
        [0, 1],
      ],
    },
  )
  const model = await loadModel(smooth, { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.3), shape: [1, 1] }
  await expect(attack(model, linearRegion(), { inputs, seed })).rejects.toThrow(UnsupportedOperatorError)
  await expect(attack(model, linearRegion(), { inputs, seed })).rejects.toThrow(
    /linear region rule for operator Sigmoid/,
  )
  await model.close()
})

describe('settings that make no sense are refused', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['another norm', () => linearRegion({ norm: 'l3' as never }), /takes the norms linf, l2, l1; norm is "l3"/],
    ['another exploration', () => linearRegion({ exploration: 'random' as never }), /explores by descent or paper/],
    ['kicks below 0', () => linearRegion({ kicks: -1 }), /kicks/],
    ['n3 of 0', () => linearRegion({ n3: 0 }), /n3/],
    ['alpha 0', () => linearRegion({ alpha: 0 }), /alpha/],
    ['no classes', () => linearRegion({ targetClasses: 0 }), /targetClasses/],
    ['a start with a radius', () => linearRegion({ starts: [pgd({ epsilon: 1 })] }), /pgd has a radius/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })

  test('settings are recorded with their defaults', () => {
    expect(linearRegion().settings).toEqual({
      norm: 'l2',
      starts: expect.stringMatching(/^deepFool \(norm l2, steps 50, .*\), alma \(norm l2, .*steps 100, .*\)$/),
      exploration: 'descent',
      kicks: 30,
      targetClasses: 9,
    })
    expect(linearRegion({ exploration: 'paper', target: 3 }).settings).toEqual({
      norm: 'l2',
      starts: expect.stringMatching(/^deepFool \(norm l2, steps 50, .*\), alma \(norm l2, .*steps 100, .*\)$/),
      exploration: 'paper',
      n1: 10,
      n2: 10,
      n3: 5,
      n4: 3,
      alpha: 1.5,
      target: 3,
    })
  })
})
