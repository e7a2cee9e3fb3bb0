import { beforeAll, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import type { Bound } from '../../src/bounds/bound.js'
import { UnsupportedOperatorError } from '../../src/errors.js'
import type { Classifier } from '../../src/model/classifier.js'
import { exactBound, samplesBelow, thresholdModel } from './subject.js'

let model: Classifier
beforeAll(async () => {
  model = await thresholdModel()
})

/** Radii 0.5, 0.49, … 0.31. */
const samples = samplesBelow(20)
const options = { samples, norm: 'linf', bound: exactBound() } as const

test('is strict: the radius itself is not above the radius', async () => {
  const single = { ...options, samples: samplesBelow(1) }
  await expect(model).toHaveLowerBoundAbove(0.499, single)
  await expect(model).not.toHaveLowerBoundAbove(0.5, single)
  await expect(model).toHaveLowerBoundAbove(0, options)
})

test('counts the certified fraction of the eligible samples', async () => {
  // 16 of 20 radii are above 0.345.
  await expect(model).toHaveLowerBoundAbove(0.345, { ...options, fraction: 0.8 })
  await expect(model).not.toHaveLowerBoundAbove(0.345, { ...options, fraction: 0.81 })
  const labels = Int32Array.from({ length: 20 }, (_, index) => (index < 16 ? 0 : 1))
  await expect(model).toHaveLowerBoundAbove(0.345, { ...options, samples: { ...samples, labels } })
})

test('fails when too few samples are certified', async () => {
  await expect(
    expect(model).toHaveLowerBoundAbove(0.345, { ...options, fraction: 0.9 }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toHaveLowerBoundAbove(0.345)

    threshold.onnx: exact certifies a linf radius above 0.345 for only 16 of 20 samples (80 %).
    Required: at least 90 %.
    Bound: exact (rounding covered)
    Furthest from certified (which is not to be fooled: a tighter bound may certify them):
      sample 19: class 0, margin at least -0.07
      sample 18: class 0, margin at least -0.05
      sample 17: class 0, margin at least -0.03
      sample 16: class 0, margin at least -0.01]
  `)
})

test('the negation fails when enough samples are certified', async () => {
  await expect(
    expect(model).not.toHaveLowerBoundAbove(0.345, { ...options, fraction: 0.8 }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).not.toHaveLowerBoundAbove(0.345)

    threshold.onnx: exact certifies a linf radius above 0.345 for 16 of 20 samples (80 %).
    Expected: less than 80 %.
    Bound: exact (rounding covered)]
  `)
})

test('an estimate proves nothing', async () => {
  const bound = exactBound(1, { sound: false })
  await expectInconclusive(0.1, bound)
  await expect(
    expect(model).toHaveLowerBoundAbove(0.1, { ...options, bound }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toHaveLowerBoundAbove(0.1)

    Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
    exact with these settings is an estimate, and an estimate proves nothing. Use a sound bound.]
  `)
})

test('a bound that cannot run is inconclusive', async () => {
  const error = new UnsupportedOperatorError({
    operator: 'Round',
    node: 'round_1',
    analysis: 'relaxation',
    remedy: 'Attacks without gradients still work.',
  })
  await expectInconclusive(0.1, exactBound(1, { margins: () => Promise.reject(error) }))
})

test('NaN is inconclusive', async () => {
  await expectInconclusive(0.1, exactBound(1, { margins: async () => new Float64Array(40).fill(Number.NaN) }))
})

test('nothing eligible is inconclusive', async () => {
  const wrong = { ...options, samples: { ...samples, labels: new Int32Array(20).fill(1) } }
  await expect(expect(model).toHaveLowerBoundAbove(0.1, wrong)).rejects.toThrow('Inconclusive')
  await expect(expect(model).not.toHaveLowerBoundAbove(0.1, wrong)).rejects.toThrow('Inconclusive')
})

test('what the budget did not reach is inconclusive, unless enough is certified', async () => {
  const reachesHalf: Bound = exactBound(1, {
    margins: async (context, epsilon) => {
      const margins = await exactBound().margins(context, epsilon)
      return margins.fill(Number.NEGATIVE_INFINITY, margins.length / 2)
    },
  })
  const interrupted = { ...options, bound: reachesHalf, budget: { milliseconds: 0 } }
  await expect(model).toHaveLowerBoundAbove(0.1, { ...interrupted, fraction: 0.5 })
  await expect(expect(model).not.toHaveLowerBoundAbove(0.1, interrupted)).rejects.toThrow('Inconclusive')
  const failure = await expect(model)
    .toHaveLowerBoundAbove(0.1, interrupted)
    .catch((error: Error) => error)
  expect((failure as Error).message.replace(/[\d.]+ m?s\b/, '<time>')).toMatchInlineSnapshot(`
    "expect(model).toHaveLowerBoundAbove(0.1)

    Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
    The time was up after <time>, with 10 of 20 samples certified; the others were not all decided. Allow more time (the timeout of the test, or the option budget), or check fewer samples."
  `)
})

test.each([
  ['another norm than that of the bound', () => expect(model).toHaveLowerBoundAbove(0.1, { ...options, norm: 'l2' })],
  ['no norm', () => expect(model).toHaveLowerBoundAbove(0.1, { ...options, norm: undefined as never })],
  ['a misspelt option', () => expect(model).toHaveLowerBoundAbove(0.1, { ...options, fracton: 0.5 } as never)],
  ['no bound', () => expect(model).toHaveLowerBoundAbove(0.1, { ...options, bound: undefined as never })],
  ['no radius', () => expect(model).toHaveLowerBoundAbove(options as never, undefined as never)],
  ['a radius that is not finite', () => expect(model).toHaveLowerBoundAbove(Number.NaN, options)],
  ['a percentage', () => expect(model).toHaveLowerBoundAbove(0.1, { ...options, fraction: 90 })],
])('refuses %s', async (_, assertion) => {
  await expect(assertion()).rejects.toThrowErrorMatchingSnapshot()
})

async function expectInconclusive(radius: number, bound: Bound): Promise<void> {
  await expect(expect(model).toHaveLowerBoundAbove(radius, { ...options, bound })).rejects.toThrow('Inconclusive')
  await expect(expect(model).not.toHaveLowerBoundAbove(radius, { ...options, bound })).rejects.toThrow('Inconclusive')
}
