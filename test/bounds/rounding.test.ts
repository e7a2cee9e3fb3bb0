import { afterAll, describe, expect, test } from 'vitest'
import { alphaCrown } from '../../src/bounds/alpha-crown.js'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { linearExact } from '../../src/bounds/linear-exact.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { roundingOf } from '../../src/operators/rounding.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'

afterAll(() => engine.close())

const networks = 40
const features = 24
const epsilon = 1e-3
const points = 500

/**
 * Two sums of the same products in different order and a bias: both logits are the same number, but for `gap`, in exact
 * arithmetic. In float32 rounding decides which is larger.
 */
function cancelling(
  random: RandomSource,
  { size, bias, gap }: { size: number; bias: number; gap: number },
): Uint8Array {
  const order = Array.from({ length: features }, (_, index) => index).sort(() => random.uniform() - 0.5)
  const terms = Array.from({ length: features }, () => Math.fround(size * random.normal()))
  const row = (position: (index: number) => number) => {
    const weights = new Array<number>(2 * features).fill(0)
    terms.forEach((term, index) => {
      weights[position(index)] = term
    })
    return weights
  }
  const copy = [...order.keys()].map((index) => order.map((_, other) => (other === index ? 1 : 0)))
  const permuted = order.map((from) => order.map((_, other) => (other === from ? 1 : 0)))
  const place = (index: number) => features + order.indexOf(index)
  return denseModel(
    { weights: [...copy, ...permuted], activation: 'Relu' },
    { weights: [row((index) => index), row(place)], bias: [bias, bias], activation: 'Relu' },
    {
      weights: [
        [1, 0],
        [0, 1],
      ],
      bias: [gap, 0],
    }, // prettier-ignore
  )
}

describe.each([
  ['huge weights that cancel', { size: 1e6, bias: 0, gap: 1e-3 }],
  ['a huge bias', { size: 1, bias: 2 ** 20, gap: 1e-3 }],
])('%s', (_name, settings) => {
  test('what a float32 run refutes is not certified, while bounds in exact arithmetic are fooled', async () => {
    const random = randomSource(seed)
    let refuted = 0
    let naive = 0
    for (let network = 0; network < networks; network++) {
      const model = await loadModel(cancelling(random, settings), { domain: [0, 1] })
      const centre = Float32Array.from({ length: features }, () => 0.25 + 0.5 * random.uniform())
      const inputs = { data: centre, shape: [1, features] }
      if (await isFooled(model, centre, random)) {
        refuted++
        const request = { inputs, labels: [0], epsilon }
        for (const norm of ['linf', 'l2', 'l1'] as const) {
          for (const make of [crown, intervalPropagation]) {
            for (const precision of ['float32', 'float64'] as const) {
              expect((await marginBounds(model, make({ norm, precision }), request))[1]).toBeLessThanOrEqual(0)
            }
          }
          const { samples } = await bound(model, crown({ norm }), { inputs, labels: [0] })
          expect(samples[0].radius).toBe(0)
        }
        // Takes longer, and only its own steps are new.
        if (refuted <= 4) {
          const optimised = alphaCrown({ norm: 'linf', iterations: 1 })
          expect((await marginBounds(model, optimised, request))[1]).toBeLessThanOrEqual(0)
        }
        // At the centre itself exact arithmetic sees the gap.
        const exact = crown({ norm: 'linf', rounding: 'ignored', precision: 'float64' })
        if ((await marginBounds(model, exact, { ...request, epsilon: 0 }))[1] > 0) naive++
      }
      await model.close()
    }
    expect(refuted).toBeGreaterThan(networks / 4)
    expect(naive).toBeGreaterThan(refuted / 2)
  })
})

async function isFooled(model: Classifier, centre: Float32Array, random: RandomSource): Promise<boolean> {
  const data = Float32Array.from({ length: points * features }, (_, index) => {
    return centre[index % features] + 0.99 * epsilon * (2 * random.uniform() - 1) * (index < features ? 0 : 1)
  })
  const logits = await model.predict({ data, shape: [points, features] })
  return Array.from({ length: points }, (_, point) => point).some((point) => logits[2 * point] <= logits[2 * point + 1])
}

test('numbers that overflow certify nothing', async () => {
  const model = await loadModel(
    denseModel(
      { weights: [[3e38], [-3e38]], activation: 'Relu' },
      {
        weights: [
          [1, 1],
          [0, 0],
        ],
      },
    ), // prettier-ignore
    { domain: [-10, 10] },
  )
  const inputs = { data: Float32Array.of(0.5), shape: [1, 1] }
  for (const norm of ['linf', 'l2', 'l1'] as const) {
    const margins = await marginBounds(model, crown({ norm }), { inputs, labels: [0], epsilon: 5 })
    expect([...margins]).toEqual([0, Number.NEGATIVE_INFINITY])
    for (const method of [crown({ norm }), alphaCrown({ norm }), intervalPropagation({ norm })]) {
      const { samples } = await bound(model, method, { inputs })
      expect(samples[0].radius).toBeGreaterThanOrEqual(0)
      expect(samples[0].radius).toBeLessThanOrEqual(0.5)
    }
  }
})

test('numbers that underflow certify nothing', async () => {
  const tiny = 2 ** -140
  const model = await loadModel(denseModel({ weights: [[tiny], [0]] }), { domain: [-1, 1] })
  const inputs = { data: Float32Array.of(0.5), shape: [1, 1] }
  for (const method of [crown({ norm: 'linf' }), crown({ norm: 'l2' }), linearExact({ norm: 'linf' })]) {
    const { samples } = await bound(model, method, { inputs })
    expect(samples[0].radius).toBe(0)
  }
})

test('γ_k is k·u / (1 − k·u), and infinite where that says nothing any more', () => {
  const { gamma } = roundingOf('covered')
  expect(gamma(1)).toBeGreaterThan(2 ** -24)
  expect(gamma(1000)).toBeCloseTo(1000 * 2 ** -24, 7)
  expect(gamma(2 ** 23)).toBe(Number.POSITIVE_INFINITY)
  expect(roundingOf('ignored').gamma(1000)).toBe(0)
})
