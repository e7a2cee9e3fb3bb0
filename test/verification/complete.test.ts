import { afterAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { alma } from '../../src/attacks/minimal-distance/alma.js'
import { attack } from '../../src/attacks/run-attack.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { range } from '../../src/sampling/rows.js'
import { firstSamples } from '../../src/sampling/samples.js'
import { complete } from '../../src/verification/complete.js'
import { seed } from '../seed.js'
import { denseModel, graphOf, squareUnits } from '../tiny-models.js'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const

/** f₀ = 1, f₁ = |x₀ − x₁| + |x₀ + x₁ − 1| = 2 max(|x₀ − ½|, |x₁ − ½|): the centre of the unit square is ½ away from class 1. */
const saddle = denseModel(squareUnits, {
  weights: [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ],
  bias: [1, 0],
})

/** Where the margin of class 0 at one sample is known to be positive. */
async function isProved(file: Uint8Array, sample: readonly number[], norm: Norm, epsilon: number): Promise<boolean> {
  const model = await loadModel(file, { domain: [-1, 2] })
  const inputs = { data: Float32Array.from(sample), shape: [1, sample.length] }
  const [own, margin] = await marginBounds(model, complete({ norm }), { inputs, labels: [0], epsilon })
  await model.close()
  expect(own).toBe(0)
  return margin > 0
}

describe.each(norms)('%s: decides just below and just above the distance', (norm) => {
  test('by splitting units, or in ℓ∞ by halving', async () => {
    expect(await isProved(saddle, [0.5, 0.5], norm, 0.499)).toBe(true)
    expect(await isProved(saddle, [0.5, 0.5], norm, 0.501)).toBe(false)
  })

  test('by halving the box around the ball, of a model of curves', async () => {
    // f₀ = 1, f₁ = tanh x₀ + tanh x₁: from 0 class 1 is nearest where both are as large.
    const curves = denseModel(
      {
        weights: [
          [1, 0],
          [0, 1],
        ],
        activation: 'Tanh',
      },
      {
        weights: [
          [0, 0],
          [1, 1],
        ],
        bias: [1, 0],
      },
    )
    const each = Math.atanh(0.5)
    const distance = { linf: each, l2: Math.SQRT2 * each, l1: 2 * each }[norm]
    expect(await isProved(curves, [0, 0], norm, 0.99 * distance)).toBe(true)
    expect(await isProved(curves, [0, 0], norm, 1.01 * distance)).toBe(false)
  })

  test('with a Relu right behind a LeakyRelu', async () => {
    // The saddle, as a LeakyRelu keeps the sign of what a Relu takes.
    const chain = graphOf([2], (builder, input) => {
      const { weights, bias } = squareUnits
      const first = builder.add('Gemm', [input, builder.floats(weights.flat(), [4, 2]), builder.floats(bias!)], {
        transB: 1,
      })
      const units = builder.add('Relu', [builder.add('LeakyRelu', [first])])
      const sums = builder.floats([0, 0, 0, 0, 1, 1, 1, 1], [2, 4])
      return builder.add('Gemm', [units, sums, builder.floats([1, 0])], { transB: 1 })
    })
    expect(await isProved(encodeModel(chain), [0.5, 0.5], norm, 0.499)).toBe(true)
    expect(await isProved(encodeModel(chain), [0.5, 0.5], norm, 0.501)).toBe(false)
  })

  test('at a corner of the domain, which cuts most of the ball off', async () => {
    // f₀ − f₁ = 3 − x₀ − 2x₁ on [−1, 2]² around (2, −1), where x₀ cannot grow: x₁ alone has 1.5 to go.
    const linear = denseModel({
      weights: [
        [-1, -2],
        [0, 0],
      ],
      bias: [3, 0],
    })
    expect(await isProved(linear, [2, -1], norm, 1.499)).toBe(true)
    expect(await isProved(linear, [2, -1], norm, 1.501)).toBe(false)
  })

  test('of radius zero', async () => {
    expect(await isProved(saddle, [0.5, 0.5], norm, 0)).toBe(true)
    expect(await isProved(saddle, [0.5, 1], norm, 0)).toBe(false)
  })
})

test('of several classes each is decided for itself', async () => {
  // Logits x, −x and −3: from x = 1 only class 1 is within reach of 1.5.
  const model = await loadModel(denseModel({ weights: [[1], [-1], [0]], bias: [0, 0, -3] }), { domain: [-4, 4] })
  const inputs = { data: Float32Array.of(1, 1), shape: [2, 1] }
  const margins = await marginBounds(model, complete({ norm: 'linf' }), { inputs, labels: [0, 0], epsilon: [0.9, 1.5] })
  expect(Array.from(margins, (margin) => margin > 0)).toEqual([false, true, true, false, false, false])
  await model.close()
})

test.each(['l2', 'l1'] as const)('%s: a digit is either certified or fooled', async (norm) => {
  const { modelPath, domain, samples } = await loadFixture('digits_mlp')
  const model = await loadModel(modelPath, { domain })
  const { inputs, labels } = firstSamples(samples, 20)
  const epsilon = { l2: 0.4, l1: 1.25 }[norm]
  const { samples: attacked } = await attack(model, alma({ norm }), { inputs, labels, seed })
  const margins = await marginBounds(model, complete({ norm }), { inputs, labels, epsilon })
  const certified = attacked.map(({ label }, sample) =>
    range(10).every((other) => other === label || margins[10 * sample + other] > 0),
  )
  const fooled = attacked.map(({ distance }) => distance !== undefined && distance[norm] <= epsilon)
  expect(certified).toEqual(fooled.map((isFooled) => !isFooled))
  expect(new Set(fooled).size).toBe(2)
  await model.close()
})

test('ends without a budget where logits are equal everywhere', async () => {
  const alike = graphOf([1], (builder, input) => builder.add('Concat', [input, input], { axis: 1 }))
  const model = await loadModel(encodeModel(alike), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.5), shape: [1, 1] }
  const margins = await marginBounds(model, complete({ norm: 'linf' }), { inputs, labels: [0], epsilon: 0.1 })
  expect([...margins]).toEqual([0, Number.NEGATIVE_INFINITY])
  await model.close()
})

test('says that the model gives NaN, where the search ends at NaN, too', async () => {
  // The square root of a negative number is NaN, and so are the gradients that pgd follows.
  const root = graphOf([1], (builder, input) => {
    const low = builder.add('Min', [builder.add('Sqrt', [input]), builder.scalar(-1)])
    return builder.add('Concat', [low, builder.add('Mul', [input, builder.scalar(0)])], { axis: 1 })
  })
  const model = await loadModel(encodeModel(root), { domain: [-1, 1] })
  const inputs = { data: Float32Array.of(-0.5), shape: [1, 1] }
  const request = { inputs, labels: [0], epsilon: 0.1 }
  await expect(marginBounds(model, complete({ norm: 'l2' }), request)).rejects.toThrow(
    'The model gives NaN in its output',
  )
  await model.close()
})

test('refuses other norms', () => {
  expect(() => complete({ norm: 'l0' as 'l1' })).toThrow('norm')
})
