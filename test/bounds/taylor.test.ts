import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { attack } from '../../src/attacks/run-attack.js'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { hessianBound, type SmoothActivation, trailingMlp } from '../../src/bounds/lipschitz/mlp.js'
import { smoothActivations, taylor } from '../../src/bounds/lipschitz/taylor.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { architectures, randomModel } from './networks.js'
import { randomInputs, sampledMargins } from './sampling.js'

afterAll(() => engine.close())

const functions: Record<string, (x: number) => number> = {
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Tanh: Math.tanh,
}

describe.each([...smoothActivations])('%s', (name, { first, second, derivative }: SmoothActivation) => {
  const activation = functions[name]
  const grid = range(20001).map((at) => -10 + at / 1000)
  const largest = (values: number[]) => Math.max(...values.map(Math.abs))

  test('the constants are the largest first and second derivatives, no more and no less', () => {
    const step = 1e-4
    expect(largest(grid.map(derivative))).toBeCloseTo(first, 6)
    const differences = grid.map((x) => (derivative(x + step) - derivative(x - step)) / (2 * step))
    expect(largest(differences)).toBeCloseTo(second, 6)
    expect(largest(differences)).toBeLessThan(second * (1 + 1e-6))
    for (const x of [-3, -0.7, 0, 0.4, 5]) {
      expect((activation(x + step) - activation(x - step)) / (2 * step)).toBeCloseTo(derivative(x), 6)
    }
  })

  test('Algorithm 4.1 bounds the Hessian of every hidden unit, in any direction', async () => {
    const random = randomSource(seed)
    const model = await randomModel(architectures[`${name} MLP`], random)
    const mlp = await trailingMlp(model, ({ operator }) => operator === 'Gemm', new Set([name]))
    const bounded = hessianBound(mlp, smoothActivations)
    const biases = [...model.graph.constants.values()].filter(({ shape }) => shape.length === 1).map(({ data }) => data)
    const hidden = (input: readonly number[]) =>
      mlp.hidden.reduce<readonly number[]>((values, { weights, width }, layer) => {
        return range(width).map((unit) => {
          const sum = values.reduce((total, value, at) => total + value * weights[unit * values.length + at], 0)
          return activation(sum + Number(biases[layer][unit]))
        })
      }, input)
    let steepest = 0
    for (let point = 0; point < 200; point++) {
      const centre = range(6).map(() => 3 * random.normal())
      const direction = range(6).map(() => random.normal())
      const step = 1e-3 / Math.hypot(...direction)
      const [below, at, above] = [-1, 0, 1].map((sign) => hidden(centre.map((x, i) => x + sign * step * direction[i])))
      at.forEach((value, unit) => {
        steepest = Math.max(steepest, Math.abs(below[unit] - 2 * value + above[unit]) / 1e-6)
      })
    }
    expect(steepest).toBeLessThan(bounded)
    expect(steepest).toBeGreaterThan(0.002 * bounded)
    await model.close()
  })

  test('margins hold at sampled points, radii below every attack distance; near the sample they beat Lipschitz', async () => {
    const random = randomSource(seed)
    const model = await randomModel(architectures[`${name} MLP`], random)
    const inputs = randomInputs(model, 6, random)
    const labels = range(6).map((sample) => sample % model.classes)
    const epsilon = [0, 0.002, 0.01, 0.05, 0.5, 2]
    const margins = await marginBounds(model, taylor(), { inputs, labels, epsilon })
    const options = { norm: 'l2', domain: 'ignore', points: 300 } as const
    const sampled = await sampledMargins(model, inputs, labels, epsilon, options, random)
    expect(margins.every((margin, index) => margin <= sampled[index])).toBe(true)
    const layers = await marginBounds(model, lipschitz({ norm: 'l2' }), { inputs, labels, epsilon })
    const small = range(model.classes)
      .filter((other) => other !== labels[1])
      .map((other) => model.classes + other)
    expect(small.every((at) => margins[at] > layers[at])).toBe(true)

    const { samples } = await bound(model, taylor(), { inputs })
    const result = await attack(model, deepFool({ norm: 'l2' }), {
      inputs,
      labels: samples.map(({ label }) => label),
      seed,
    })
    result.samples.forEach(({ fooled, distance }, sample) => {
      expect(samples[sample].radius).toBeGreaterThan(0)
      if (fooled) expect(distance!.l2).toBeGreaterThan(samples[sample].radius)
    })
    await model.close()
  })
})

test('without hidden layers it is the distance to the nearest boundary', async () => {
  const model = await loadModel(
    denseModel({
      weights: [
        [3, 4],
        [0, 0],
      ],
    }),
    { domain: [-10, 10] },
  ) // prettier-ignore
  const { samples } = await bound(model, taylor(), { inputs: { data: Float32Array.of(2, 1), shape: [1, 2] } })
  expect(samples[0].radius).toBeCloseTo(2, 4)
  expect(samples[0].radius).toBeLessThan(2)
  await model.close()
})

test('one hidden unit by hand: the parabola through the derivative at the sample', async () => {
  // tanh(2x) against 0.5 at x = 1: J = 2·tanh′(2), M = 4·max|tanh″|, κ = tanh(2) − 0.5.
  const model = await loadModel(
    denseModel({ weights: [[2]], activation: 'Tanh' }, { weights: [[1], [0]], bias: [0, 0.5] }),
    { domain: [-10, 10] },
  )
  const { samples } = await bound(model, taylor(), { inputs: { data: Float32Array.of(1), shape: [1, 1] } })
  const [jacobian, second, room] = [2 * (1 - Math.tanh(2) ** 2), 16 / (3 * Math.sqrt(3)), Math.tanh(2) - 0.5]
  expect(samples[0].radius).toBeCloseTo((Math.sqrt(jacobian ** 2 + 2 * second * room) - jacobian) / second, 4)
  await model.close()
})

test('Relu has no second derivative to bound, and is refused', async () => {
  const model = await loadModel(denseModel({ weights: [[1]], activation: 'Relu' }, { weights: [[1], [0]] }), {
    domain: [-1, 1],
  })
  const request = { inputs: { data: Float32Array.of(0.5), shape: [1, 1] } }
  await expect(bound(model, taylor(), request)).rejects.toThrow(/No Taylor bound rule for operator Relu.*lipschitz/)
  await model.close()
})
