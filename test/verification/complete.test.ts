import { afterAll, expect, test } from 'vitest'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { complete } from '../../src/verification/complete.js'
import { denseModel, squareUnits } from '../tiny-models.js'

afterAll(() => engine.close())

/** f₀ = 1, f₁ = |x₀ − x₁| + |x₀ + x₁ − 1|: the centre of the unit square is at ℓ∞ distance ½ of class 1, less on top. */
const saddle = denseModel(squareUnits, {
  weights: [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ],
  bias: [1, 0],
})

test.each([
  [0.49, true],
  [0.51, false],
])('decides just below and just above the distance: %f', async (epsilon, positive) => {
  const model = await loadModel(saddle, { domain: [-1, 2] })
  const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
  const margins = await marginBounds(model, complete({ norm: 'linf' }), { inputs, labels: [0], epsilon })
  expect(margins[0]).toBe(0)
  expect(margins[1] > 0).toBe(positive)
  await model.close()
})

test('of several classes each is decided for itself', async () => {
  // Logits x, −x and −3: from x = 1 only class 1 is within reach of 1.5.
  const model = await loadModel(denseModel({ weights: [[1], [-1], [0]], bias: [0, 0, -3] }), { domain: [-4, 4] })
  const inputs = { data: Float32Array.of(1, 1), shape: [2, 1] }
  const margins = await marginBounds(model, complete({ norm: 'linf' }), { inputs, labels: [0, 0], epsilon: [0.9, 1.5] })
  expect(Array.from(margins, (margin) => margin > 0)).toEqual([false, true, true, false, false, false])
  await model.close()
})

test('refuses other norms', () => {
  expect(() => complete({ norm: 'l2' as 'linf' })).toThrow('norm')
})
