import { afterAll, describe, expect, test } from 'vitest'
import { alphaCrown } from '../../src/bounds/alpha-crown.js'
import { crown } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { float } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

const functions = {
  Relu: { evaluate: (x: number) => Math.max(x, 0), slope: 1 },
  LeakyRelu: { evaluate: (x: number) => (x > 0 ? x : Math.fround(0.2) * x), slope: 1 },
  Sigmoid: { evaluate: (x: number) => 1 / (1 + Math.exp(-x)), slope: 0.25 },
  Tanh: { evaluate: Math.tanh, slope: 1 },
}
const count = 400
const samplesPerRange = 2000

describe.each(Object.keys(functions) as (keyof typeof functions)[])('%s', (operator) => {
  // s·σ(x) + t·x against 0, in a class of its own for each s and t: with slopes t of all sizes the bounds touch every point
  // of both lines.
  test('the lines hold on dense samples of random ranges, and touch the function', async () => {
    const random = randomSource(seed)
    const centres = Float32Array.from({ length: count }, () => 4 * random.normal())
    const epsilon = Float64Array.from({ length: count }, () => 10 ** (4 * random.uniform() - 3))
    const sums = [1, -1].flatMap((sign) =>
      range(8).map(() => ({ sign, tilt: Math.fround(1.5 * functions[operator].slope * (random.uniform() * 2 - 1)) })),
    )
    const graph = graphOf([1], (builder, input) => {
      const attributes = operator === 'LeakyRelu' ? { alpha: float(0.2) } : undefined
      const both = builder.add('Concat', [builder.add(operator, [input], attributes), input], { axis: 1 })
      const columns = [[0, 0], ...sums.map(({ sign, tilt }) => [-sign, -tilt])]
      return builder.add('Gemm', [both, builder.floats(columns.flat(), [columns.length, 2])], { transB: 1 })
    })
    const model = await loadModel(encodeModel(graph), { domain: [-100, 100] })
    const request = { inputs: { data: centres, shape: [count, 1] }, labels: new Int32Array(count), epsilon }
    const margins = await marginBounds(model, crown({ norm: 'linf' }), request)
    const exact = crown({ norm: 'linf', rounding: 'ignored', precision: 'float64' })
    const naive = await marginBounds(model, exact, request)
    const tilted = await marginBounds(model, alphaCrown({ norm: 'linf', iterations: 3 }), request)
    for (const [position, { sign, tilt }] of sums.entries()) {
      for (const sample of range(count)) {
        const combined = (x: number) => sign * functions[operator].evaluate(x) + tilt * x
        const [low, high] = [centres[sample] - epsilon[sample], centres[sample] + epsilon[sample]]
        let least = Number.POSITIVE_INFINITY
        for (let index = 0; index <= samplesPerRange; index++) {
          least = Math.min(least, combined(low + ((high - low) * index) / samplesPerRange))
        }
        const at = (sums.length + 1) * sample + position + 1
        expect(margins[at]).toBeLessThanOrEqual(least)
        expect(tilted[at]).toBeLessThanOrEqual(least)
        expect(naive[at]).toBeLessThanOrEqual(least + 1e-9)
        // Never worse than the range of σ, and of the input, on their own.
        const ends = [low, high].map((x) => sign * functions[operator].evaluate(x))
        const apart = Math.min(...ends) + Math.min(tilt * low, tilt * high)
        const width = Math.abs(ends[1] - ends[0]) + Math.abs(tilt) * (high - low)
        expect(naive[at]).toBeGreaterThan(apart - width - 1e-6)
      }
    }
    await model.close()
  })
})

test('Sigmoid is as tight as auto_LiRPA: the tangent at the middle where that is below the whole curve', async () => {
  const graph = graphOf([1], (builder, input) => {
    const value = builder.add('Sigmoid', [input])
    return builder.add('Gemm', [value, builder.floats([1, 0], [2, 1])], { transB: 1 })
  })
  const model = await loadModel(encodeModel(graph), { domain: [-3, 3] })
  // The ranges [-2, 0.1] and [-0.1, 2].
  const settings = { inputs: { data: Float32Array.of(-0.95, 0.95), shape: [2, 1] }, epsilon: 1.05 }
  const method = crown({ norm: 'linf', rounding: 'ignored', precision: 'float64' })
  const lower = await marginBounds(model, method, { ...settings, labels: [0, 0] })
  const upper = await marginBounds(model, method, { ...settings, labels: [1, 1] })
  expect([lower[1], lower[3]].map((value) => value.toFixed(4))).toEqual(['0.0677', '0.4750'])
  expect([-upper[0], -upper[2]].map((value) => value.toFixed(4))).toEqual(['0.5250', '0.9323'])
})
