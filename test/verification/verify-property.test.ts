import { afterAll, describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { verifyProperty } from '../../src/verification/verify-property.js'
import { parseProperty } from '../../src/vnnlib/parse-property.js'
import { seed } from '../seed.js'
import { denseModel, graphOf, operatorModel, squareUnits } from '../tiny-models.js'

afterAll(() => engine.close())

/** y = s⁺ − 2(s − 1)⁺ with s = x₀ + x₁: a tent of height 1 over s = 1, on [0, 1]². */
const tent = denseModel(
  {
    weights: [
      [1, 1],
      [1, 1],
    ],
    bias: [0, -1],
    activation: 'Relu',
  },
  { weights: [[1, -2]] },
)

function property(inputs: number, outputs: number, ...assertions: string[]) {
  const declare = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => `(declare-const ${letter}_${index} Real)`)
  const asserted = assertions.map((assertion) => `(assert ${assertion})`)
  return parseProperty([...declare('X', inputs), ...declare('Y', outputs), ...asserted].join('\n'), 'test.vnnlib')
}

async function verify(bytes: Uint8Array, inputs: number, outputs: number, ...assertions: string[]) {
  const model = await loadRegressor(bytes, { domain: [-8, 8], name: 'model.onnx' })
  const result = await verifyProperty(model, property(inputs, outputs, ...assertions), { seed })
  await model.close()
  return result
}

const unit = ['(>= X_0 0)', '(<= X_0 1)', '(>= X_1 0)', '(<= X_1 1)']

describe('a tent of height 1', () => {
  test('is proved to be nowhere higher', async () => {
    const { excluded, cases, counterexample } = await verify(tent, 2, 1, ...unit, '(>= Y_0 1.001)')
    expect({ excluded, cases, counterexample }).toEqual({ excluded: 1, cases: 1, counterexample: undefined })
  })

  test('is found to be as high', async () => {
    const { counterexample, excluded } = await verify(tent, 2, 1, ...unit, '(>= Y_0 0.999)')
    expect(excluded).toBe(0)
    const [x0, x1] = counterexample!.input
    expect(Math.abs(x0 + x1 - 1)).toBeLessThanOrEqual(0.0011)
    expect(counterexample!.output[0]).toBeGreaterThanOrEqual(0.999)
  })

  test('constraints over inputs and outputs together', async () => {
    // Where x₀ + x₁ ≤ ½ the tent is s itself.
    const low = '(<= (+ X_0 X_1) 0.5)'
    expect((await verify(tent, 2, 1, ...unit, low, '(>= Y_0 0.51)')).excluded).toBe(1)
    expect((await verify(tent, 2, 1, ...unit, low, '(>= Y_0 0.49)')).counterexample).toBeDefined()
    expect((await verify(tent, 2, 1, ...unit, low, '(>= (- Y_0 X_0 X_1) 0.01)')).excluded).toBe(1)
  })

  test('without constraints on outputs any input of the box will do', async () => {
    for (const more of [[], ['(and)'], ['(<= (- Y_0 Y_0) 1)']]) {
      const { counterexample, cases } = await verify(tent, 2, 1, ...unit, ...more)
      expect(cases).toBe(1)
      expect(counterexample!.input.every((value) => value >= 0 && value <= 1)).toBe(true)
    }
    const { excluded, cases } = await verify(tent, 2, 1, ...unit, '(>= (- Y_0 Y_0) 1)')
    expect([excluded, cases]).toEqual([0, 0])
  })

  test('each case counts: one that can be met is enough', async () => {
    const either = '(or (>= Y_0 1.5) (and (<= Y_0 0.7) (>= Y_0 0.6)) (>= Y_0 2))'
    const { cases, counterexample } = await verify(tent, 2, 1, ...unit, either)
    expect(cases).toBe(3)
    expect(counterexample!.met).toBe(1)
    expect(counterexample!.output[0]).toBeGreaterThanOrEqual(0.6)
    expect(counterexample!.output[0]).toBeLessThanOrEqual(0.7)
    const neither = '(or (>= Y_0 1.5) (and (<= Y_0 -0.1) (>= X_0 0.5)) (>= Y_0 2))'
    expect(await verify(tent, 2, 1, ...unit, neither)).toMatchObject({ cases: 3, excluded: 3 })
  })
})

test('a saddle that no linear bound of the whole box excludes is proved by halving it', async () => {
  // |x₀ − x₁| + |x₀ + x₁ − 1| ≤ 1 on the unit square, with equality on its border.
  const saddle = denseModel(squareUnits, { weights: [[1, 1, 1, 1]] })
  const proved = await verify(saddle, 2, 1, ...unit, '(>= Y_0 1.01)')
  expect(proved).toMatchObject({ excluded: 1, cases: 1 })
  expect(proved.boxes).toBeGreaterThan(1)
  expect((await verify(saddle, 2, 1, ...unit, '(>= Y_0 0.99)')).counterexample).toBeDefined()
})

test('thresholds and coefficients that float32 lacks are taken as they are', async () => {
  // The largest float32 number below 0.1 is closer to it than what rounding can tell apart: not decided, and not wrong.
  const identity = operatorModel([1], 'Identity')
  const upTo = (end: number, ...unsafe: string[]) => verify(identity, 1, 1, '(>= X_0 0)', `(<= X_0 ${end})`, ...unsafe)
  const { excluded, counterexample } = await upTo(0.1, '(>= Y_0 0.1)')
  expect({ excluded, counterexample }).toEqual({ excluded: 0, counterexample: undefined })
  expect((await upTo(0.1, '(>= Y_0 0.10001)')).excluded).toBe(1)
  expect((await upTo(0.125, '(>= (* 0.1 Y_0) 0.0125)')).counterexample!.input[0]).toBe(0.125)
  expect((await upTo(0.125, '(>= (* 0.1 Y_0) 0.01251)')).excluded).toBe(1)
})

test('an input that is fixed between two float32 numbers may be either', async () => {
  const identity = operatorModel([1], 'Identity')
  const { counterexample } = await verify(identity, 1, 1, '(= X_0 0.1)', '(>= Y_0 0.1)')
  expect(counterexample!.input[0]).toBe(Math.fround(0.1))
})

test('inputs without bounds range over the domain', async () => {
  const identity = operatorModel([1], 'Identity')
  expect((await verify(identity, 1, 1, '(>= X_0 0)', '(>= Y_0 8.01)')).excluded).toBe(1)
  expect((await verify(identity, 1, 1, '(>= X_0 0)', '(>= Y_0 7.99)')).counterexample).toBeDefined()
})

test('NaN is no proof', async () => {
  const root = encodeModel(graphOf([1], (builder, input) => builder.add('Sqrt', [input])))
  expect((await verify(root, 1, 1, '(>= X_0 0.5)', '(<= X_0 4)', '(>= Y_0 2.1)')).excluded).toBe(1)
  const model = await loadRegressor(root, { domain: [-8, 8], name: 'root.onnx' })
  const negative = property(1, 1, '(>= X_0 -1)', '(<= X_0 -0.5)', '(>= Y_0 2.1)')
  // The search would go on for ever.
  let asked = 0
  const signal = Object.defineProperty(new AbortController().signal, 'aborted', { get: () => ++asked > 200 })
  const { boxes, ...result } = await verifyProperty(model, negative, { seed, budget: { signal } })
  expect(result).toMatchObject({ excluded: 0, interrupted: true })
  expect(result.counterexample).toBeUndefined()
  expect(boxes).toBeGreaterThan(100)
  await model.close()
})

test('without time nothing is proved', async () => {
  const model = await loadRegressor(tent, { domain: [0, 1], name: 'tent.onnx' })
  const result = await verifyProperty(model, property(2, 1, ...unit, '(>= Y_0 1.5)'), { seed, budget: 0 })
  expect(result).toMatchObject({ excluded: 0, interrupted: true })
  await model.close()
})

test('refuses properties of other models, and of inputs outside the domain', async () => {
  const model = await loadRegressor(tent, { domain: [0, 1], name: 'tent.onnx' })
  await expect(verifyProperty(model, property(3, 1, '(<= Y_0 0)'))).rejects.toThrow(
    'test.vnnlib is about 3 inputs and 1 outputs; tent.onnx has 2 and 1.',
  )
  await expect(verifyProperty(model, property(2, 1, '(>= X_0 -1)', '(<= X_0 1)', '(<= Y_0 0)'))).rejects.toThrow(
    "test.vnnlib is about X_0 from -1 to 1, beyond the model's domain [0, 1].",
  )
  await model.close()
})

test('refuses a classifier whose outputs are not those of its file', async () => {
  const probabilities = await loadModel(operatorModel([2], 'Softmax', { axis: -1 }), { domain: [0, 1] })
  await expect(verifyProperty(probabilities, property(2, 2, '(<= Y_0 0)'))).rejects.toThrow(
    'Load it with loadRegressor()',
  )
  await probabilities.close()
})
