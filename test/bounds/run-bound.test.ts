import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bound } from '../../src/bounds/bound.js'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { SampleError, SettingsError } from '../../src/errors.js'
import type { Norm } from '../../src/geometry/norm.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { denseModel } from '../tiny-models.js'

// f = (x₁, x₂) on the unit square.
let model: Classifier
beforeAll(async () => {
  model = await loadModel(
    denseModel({
      weights: [
        [1, 0],
        [0, 1],
      ],
    }),
    { domain: [0, 1] },
  ) // prettier-ignore
})
afterAll(() => engine.close())

const inputs = { data: Float32Array.of(1, 0, 0.8, 0.2, 0.3, 0.5), shape: [3, 2] }

/** A bound whose margins are a given function of the radius; counts the evaluations of each sample. */
function fakeBound(margin: (epsilon: number, sample: number) => number, norm: Norm = 'linf') {
  const evaluations: number[] = []
  const method: Bound = {
    name: 'fake',
    norm,
    sound: true,
    settings: {},
    async margins({ inputs: { data }, labels }, epsilon) {
      const margins = new Float64Array(2 * labels.length)
      labels.forEach((label, index) => {
        const sample = [1, Math.fround(0.8), Math.fround(0.3)].indexOf(data[2 * index])
        evaluations[sample] = (evaluations[sample] ?? 0) + 1
        margins[2 * index + 1 - label] = margin(epsilon[index], sample)
      })
      return margins
    },
  }
  return { method, evaluations }
}

describe('the search for the radius', () => {
  test.each([
    ['linear', (epsilon: number) => 1 - epsilon / 0.37],
    ['convex', (epsilon: number) => 1 / (epsilon + 0.1) - 1 / 0.47],
    ['concave', (epsilon: number) => 1 - (epsilon / 0.37) ** 4],
    ['steep at the end', (epsilon: number) => (epsilon < 0.37 ? 1 : -100)],
    ['without value beyond', (epsilon: number) => (epsilon < 0.37 ? 1 - epsilon : Number.NEGATIVE_INFINITY)],
    [
      'only known to be positive towards the end',
      (epsilon: number) => (epsilon < 0.3 ? 1 - epsilon / 0.3 : epsilon < 0.37 ? 2 ** -149 : 0.37 - 2 * epsilon),
    ],
    ['NaN beyond', (epsilon: number) => (epsilon < 0.37 ? 1 - epsilon : Number.NaN)],
  ])('comes within one percent below the root of a margin that is %s', async (_name, margin) => {
    const { method, evaluations } = fakeBound(margin)
    const { samples } = await bound(model, method, { inputs })
    for (const { radius } of samples) {
      expect(radius).toBeLessThanOrEqual(0.37)
      expect(radius).toBeGreaterThan(0.37 * 0.99)
    }
    for (const count of evaluations) expect(count).toBeLessThan(20)
  })

  test('needs few evaluations where the margin is smooth', async () => {
    const { method, evaluations } = fakeBound((epsilon) => 1 - 2 * epsilon - 3 * epsilon ** 2)
    await bound(model, method, { inputs })
    for (const count of evaluations) expect(count).toBeLessThanOrEqual(7)
  })

  test('needs few evaluations where cuts prove margins positive, as they tell from how far', async () => {
    const { method, evaluations } = fakeBound((epsilon) => {
      if (epsilon < 0.3) return 1 - epsilon / 0.3
      const inHalfSpace = 5 * (0.37 - epsilon)
      return inHalfSpace > 0 ? (2 ** -149 * inHalfSpace) / (1 + inHalfSpace) : inHalfSpace
    })
    const { samples } = await bound(model, method, { inputs })
    for (const { radius } of samples) {
      expect(radius).toBeLessThanOrEqual(0.37)
      expect(radius).toBeGreaterThan(0.37 * 0.99)
    }
    for (const count of evaluations) expect(count).toBeLessThanOrEqual(8)
  })

  test('takes margins in a plain list, as callers without types may give them', async () => {
    const { method } = fakeBound((epsilon) => 1 - epsilon / 0.37)
    const listed = {
      ...method,
      margins: async (...given: Parameters<Bound['margins']>) => [...(await method.margins(...given))],
    }
    const { minimum } = await bound(model, listed as unknown as Bound, { inputs })
    expect(minimum).toBeGreaterThan(0.37 * 0.99)
  })

  test('finds tiny radii, each sample its own', async () => {
    const roots = [1e-5, 0.02, 0.9]
    const { method } = fakeBound((epsilon, sample) => 1 - epsilon / roots[sample])
    const { samples } = await bound(model, method, { inputs })
    samples.forEach(({ radius }, sample) => {
      expect(radius).toBeLessThanOrEqual(roots[sample])
      expect(radius).toBeGreaterThan(0.99 * roots[sample])
    })
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -1])('a margin of %d certifies nothing', async (margin) => {
    const { samples, minimum, median } = await bound(model, fakeBound(() => margin).method, { inputs })
    expect(samples.map(({ radius }) => radius)).toEqual([0, 0, 0])
    expect([minimum, median]).toEqual([0, 0])
  })

  test('ends at the diameter of the domain', async () => {
    for (const [norm, diameter] of [
      ['linf', 1],
      ['l2', Math.SQRT2],
      ['l1', 2],
    ] as const) {
      const { samples } = await bound(model, fakeBound(() => 1, norm).method, { inputs })
      expect(samples.map(({ radius }) => radius)).toEqual([diameter, diameter, diameter])
    }
  })
})

describe('bound', () => {
  test('the exact radii of a linear model, to 1 % below', async () => {
    const { samples, eligible, cleanAccuracy, minimum, median, interrupted, warnings } = await bound(
      model,
      crown({ norm: 'linf' }),
      { inputs },
    )
    const exact = [0.5, 0.3, 0.1]
    samples.forEach(({ radius }, sample) => {
      expect(radius).toBeLessThan(exact[sample])
      expect(radius).toBeGreaterThan(0.99 * exact[sample])
    })
    expect({ eligible, cleanAccuracy, interrupted, warnings }).toEqual({
      eligible: 3,
      cleanAccuracy: 1,
      interrupted: false,
      warnings: [],
    })
    expect(minimum).toBe(samples[2].radius)
    expect(median).toBe(samples[1].radius)
  })

  test('samples that are classified wrongly are not eligible and have radius 0', async () => {
    const { samples, eligible, cleanAccuracy } = await bound(model, crown({ norm: 'l2' }), {
      inputs,
      labels: [0, 1, 1],
    })
    expect(samples.map(({ eligible: one }) => one)).toEqual([true, false, true])
    expect(samples[1]).toEqual({ eligible: false, label: 1, prediction: 0, radius: 0 })
    expect(eligible).toBe(2)
    expect(cleanAccuracy).toBeCloseTo(2 / 3)
  })

  test('without eligible samples there is nothing to summarise', async () => {
    const { minimum, median, eligible } = await bound(model, crown({ norm: 'l2' }), { inputs, labels: [1, 1, 0] })
    expect([minimum, median, eligible]).toEqual([Number.NaN, Number.NaN, 0])
  })

  test('a tie is certified nowhere', async () => {
    const { samples } = await bound(model, crown({ norm: 'linf' }), {
      inputs: { data: Float32Array.of(0.5, 0.5), shape: [1, 2] },
    })
    expect(samples[0]).toEqual({ eligible: true, label: 0, prediction: 0, radius: 0 })
  })

  test('an exhausted budget leaves valid radii and says so', async () => {
    const none = await bound(model, crown({ norm: 'linf' }), { inputs, budget: { milliseconds: 0 } })
    expect(none.interrupted).toBe(true)
    expect(none.samples.map(({ radius }) => radius)).toEqual([0, 0, 0])

    const controller = new AbortController()
    let rounds = 0
    const { method } = fakeBound((epsilon) => {
      if (++rounds > 6) controller.abort()
      return 0.5 - epsilon
    })
    const some = await bound(model, method, { inputs, budget: { signal: controller.signal } })
    expect(some.interrupted).toBe(true)
    for (const { radius } of some.samples) {
      expect(radius).toBeGreaterThan(0)
      expect(radius).toBeLessThan(0.5)
    }
  })

  test('reports progress from 0 to 1', async () => {
    const fractions: number[] = []
    await bound(model, crown({ norm: 'linf' }), { inputs, onProgress: (fraction) => fractions.push(fraction) })
    expect(fractions.at(-1)).toBe(1)
    expect(fractions).toEqual(fractions.toSorted((left, right) => left - right))
  })

  test('a bound that ignores rounding is no proof and warns', async () => {
    const result = await bound(model, crown({ norm: 'linf', rounding: 'ignored' }), { inputs })
    expect(result.bound.sound).toBe(false)
    expect(result.warnings).toEqual([expect.stringMatching(/estimate, not a proof/)])
    expect(crown({ norm: 'l2' })).toMatchObject({
      name: 'crown',
      norm: 'l2',
      sound: true,
      settings: { norm: 'l2', domain: 'intersect', rounding: 'covered', precision: 'float32' },
    })
  })
})

test('NaN of a bound is told, with a sample that it is about', async () => {
  const radii: Bound = { ...fakeBound(() => 1).method, radii: async () => Float64Array.of(0.1, Number.NaN, Number.NaN) }
  const margins = fakeBound((_, sample) => (sample === 2 ? Number.NaN : 1)).method
  const [ofRadii, ofMargins] = [await bound(model, radii, { inputs }), await bound(model, margins, { inputs })]
  expect(ofRadii.samples.map(({ radius }) => radius)).toEqual([0.1, 0, 0])
  expect(ofRadii.warnings).toEqual(['fake returned NaN for sample 1 and 1 more: that certifies nothing.'])
  expect(ofMargins.samples.map(({ radius }) => radius)).toEqual([1, 1, 0])
  expect(ofMargins.warnings).toEqual(['fake returned NaN for sample 2: that certifies nothing.'])
})

test('margins of callers without types may be a plain list', async () => {
  const list = async () => [0, 1, 0, 1, 1, 0] as unknown as Float64Array
  const margins = await marginBounds(model, { ...fakeBound(() => 1).method, margins: list }, { inputs, epsilon: 0.1 })
  expect(margins).toEqual(Float64Array.of(0, 1, 0, 1, 1, 0))
})

test('a model that was closed compiles its bounds again', async () => {
  const other = await loadModel(
    denseModel({
      weights: [
        [1, 0],
        [0, 1],
      ],
    }),
    { domain: [0, 1] },
  ) // prettier-ignore
  const before = await marginBounds(other, crown({ norm: 'l2' }), { inputs, epsilon: 0.1 })
  await other.close()
  expect(await marginBounds(other, crown({ norm: 'l2' }), { inputs, epsilon: 0.1 })).toEqual(before)
})

describe('marginBounds', () => {
  test('has a row per sample with 0 at the label, also for samples that are classified wrongly', async () => {
    const margins = await marginBounds(model, intervalPropagation({ norm: 'linf' }), {
      inputs,
      labels: [0, 1, 1],
      epsilon: [0.1, 0.1, 0],
    })
    const expected = [0, 0.8, -0.8, 0, 0.2, 0]
    margins.forEach((margin, index) => expect(margin).toBeCloseTo(expected[index], 5))
  })

  test('an exhausted budget leaves −∞', async () => {
    const margins = await marginBounds(model, crown({ norm: 'linf' }), {
      inputs,
      epsilon: 0.1,
      budget: { milliseconds: 0 },
    })
    expect([...margins]).toEqual([0, -Infinity, 0, -Infinity, -Infinity, 0])
  })
})

test('settings that make no sense are refused', async () => {
  expect(() => crown({ norm: 'l0' as Norm })).toThrow(SettingsError)
  expect(() => crown({ norm: 'l2', domain: 'inside' as 'ignore' })).toThrow(/domain one of intersect, ignore/)
  expect(() => intervalPropagation({ norm: 'l2', precision: 'float16' as 'float32' })).toThrow(SettingsError)
  const method = crown({ norm: 'linf' })
  for (const epsilon of [-1, Number.NaN, Number.POSITIVE_INFINITY, [0.1]]) {
    await expect(marginBounds(model, method, { inputs, epsilon })).rejects.toThrow(SettingsError)
  }
  await expect(bound(model, method, { inputs: { data: inputs.data, shape: [2, 3] } })).rejects.toThrow(SampleError)
  await expect(bound(model, method, { inputs, labels: [0] })).rejects.toThrow(SampleError)
})
