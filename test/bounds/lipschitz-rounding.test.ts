import { afterAll, expect, test } from 'vitest'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { taylor } from '../../src/bounds/lipschitz/taylor.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel, type Layer } from '../tiny-models.js'

afterAll(() => engine.close())

const features = 24
const epsilon = 1e-3

/**
 * The same sum of products twice, in different order: in exact arithmetic the first logit is larger by `gap` everywhere; in
 * float32 rounding decides.
 */
function cancelling(random: RandomSource, size: number, gap: number, activation: Layer['activation']): Uint8Array {
  const order = range(features).sort(() => random.uniform() - 0.5)
  const terms = range(features).map(() => Math.fround(size * random.normal()))
  const copies = [...range(features), ...order].map((from) => range(features).map((at) => Number(at === from)))
  const row = (start: number, of: readonly number[]) =>
    range(2 * features).map((at) => (at >= start && at < start + features ? terms[of[at - start]] : 0))
  return denseModel(
    { weights: copies, activation },
    { weights: [row(0, range(features)), row(features, order)], bias: [gap, 0] },
  )
}

async function isFooled(model: Classifier, centre: Float32Array, random: RandomSource): Promise<boolean> {
  const points = 400
  const data = Float32Array.from({ length: points * features }, (_, at) => {
    return centre[at % features] + 0.1 * epsilon * (2 * random.uniform() - 1)
  })
  const logits = await model.predict({ data, shape: [points, features] })
  return range(points).some((point) => logits[2 * point] <= logits[2 * point + 1])
}

test('what a float32 run refutes is not certified, though exact arithmetic proves it', async () => {
  const random = randomSource(seed)
  let refuted = 0
  for (const activation of ['Relu', 'Tanh'] as const) {
    for (const [size, gap] of [
      [1e6, 0.05],
      [100, 1e-5],
      [1, 1e-7],
    ]) {
      for (let network = 0; network < 6; network++) {
        const model = await loadModel(cancelling(random, size, gap, activation), { domain: [0, 1] })
        const centre = Float32Array.from({ length: features }, () => 0.25 + 0.5 * random.uniform())
        if (await isFooled(model, centre, random)) {
          refuted++
          const request = { inputs: { data: centre, shape: [1, features] }, labels: [0] }
          const methods = (['linf', 'l2', 'l1'] as const).flatMap((norm) => [
            lipschitz({ norm }),
            lipschitz({ norm, scope: 'local' }),
          ])
          if (activation === 'Tanh') methods.push(taylor())
          for (const method of methods) {
            const margins = await marginBounds(model, method, { ...request, epsilon })
            expect(margins[1]).toBeLessThanOrEqual(0)
            expect((await bound(model, method, request)).samples[0].radius).toBe(0)
          }
        }
        await model.close()
      }
    }
  }
  expect(refuted).toBeGreaterThan(10)
})

test('numbers that overflow or underflow certify nothing', async () => {
  const inputs = { data: Float32Array.of(0.5), shape: [1, 1] }
  const huge = await loadModel(
    denseModel(
      { weights: [[3e38], [-3e38]], activation: 'Relu' },
      {
        weights: [
          [1, 1],
          [0, 0],
        ],
      },
    ),
    { domain: [-10, 10] },
  ) // prettier-ignore
  const tiny = await loadModel(denseModel({ weights: [[2 ** -140], [0]] }), { domain: [-1, 1] })
  for (const norm of ['linf', 'l2', 'l1'] as const) {
    for (const method of [lipschitz({ norm }), lipschitz({ norm, scope: 'local' })]) {
      expect([...(await marginBounds(huge, method, { inputs, labels: [0], epsilon: 5 }))]).toEqual([
        0,
        Number.NEGATIVE_INFINITY,
      ])
      expect((await bound(tiny, method, { inputs })).samples[0].radius).toBe(0)
    }
  }
  await huge.close()
  await tiny.close()
})
