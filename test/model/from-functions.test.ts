import { setImmediate } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { ModelError, SettingsError } from '../../src/errors.js'
import { attack, deepFool, fromFunctions, pgd, rayS } from '../../src/index.js'
import type { ClassifierFunctions, FunctionSettings } from '../../src/model/from-functions.js'
import { rowOf } from '../../src/sampling/rows.js'
import type { Inputs } from '../../src/sampling/samples.js'

afterAll(() => engine.close())

// Logits (x₀ + 2x₁ − 1, 0): the boundary is the line x₀ + 2x₁ = 1.
const weights = [1, 2]
const perRow = <Result>({ data, shape }: Inputs, of: (row: Float32Array, index: number) => Result[]): Result[] =>
  Array.from({ length: shape[0] }, (_, index) => of(rowOf(data, 2, index), index)).flat()
const score = ([first, second]: Float32Array) => weights[0] * first + weights[1] * second - 1
const linear: Required<ClassifierFunctions> = {
  predict: (inputs) => perRow(inputs, (row) => [score(row), 0]),
  gradient: (inputs, cotangents) =>
    perRow(inputs, (_, index) => weights.map((weight) => weight * cotangents[2 * index])),
}
const settings: FunctionSettings = { name: 'line', featureShape: [2], domain: [0, 1] }
const inputs = { data: Float32Array.of(0.5, 0.75), shape: [1, 2] }

test('logits and gradients are those of the functions', async () => {
  const model = await fromFunctions(linear, settings)
  expect(model.classes).toBe(2)
  expect(await model.predict(inputs)).toEqual(Float32Array.of(1, 0))
  expect(await model.inputGradient(inputs, [0], 'margin')).toEqual(Float32Array.of(1, 2))
  expect(model.description).toMatchObject({ name: 'line', device: 'functions', warnings: [] })
  await model.close()
})

test('minimal distances are those of the closed form', async () => {
  const model = await fromFunctions(linear, settings)
  const { samples } = await attack(model, deepFool({ norm: 'l2' }), { inputs })
  expect(samples[0].distance!.l2).toBeCloseTo(1 / Math.sqrt(5), 3)
  const blind = await fromFunctions({ predict: linear.predict }, settings)
  const found = await attack(blind, rayS(), { inputs, seed: 1 })
  expect(found.samples[0].distance!.linf).toBeCloseTo(1 / 3, 2)
  await model.close()
  await blind.close()
})

test('asynchronous functions, a single score, one sample at a time', async () => {
  const sizes: number[] = []
  const model = await fromFunctions(
    {
      async predict(batch) {
        sizes.push(batch.shape[0])
        return perRow(batch, (row) => [score(row)])
      },
      gradient: async (batch, cotangents) =>
        perRow(batch, (_, index) => weights.map((weight) => weight * cotangents[index])),
    },
    { ...settings, batchSize: 1 },
  )
  const two = { data: Float32Array.of(0.5, 0.75, 0.25, 0.25), shape: [2, 2] }
  expect(await model.predict(two)).toEqual(Float32Array.of(0, 1, 0, -0.25))
  const { samples } = await attack(model, pgd({ epsilon: 0.34 }), { inputs: two, seed: 1 })
  expect(samples.map(({ fooled }) => fooled)).toEqual([true, true])
  expect(samples.map(({ prediction }) => prediction)).toEqual([1, 0])
  expect(new Set(sizes)).toEqual(new Set([1]))
  await model.close()
})

test('a function is not called again before it is done, whoever asks', async () => {
  const running = { now: 0, most: 0 }
  const alone = async (call: () => ArrayLike<number> | Promise<ArrayLike<number>>) => {
    running.most = Math.max(running.most, ++running.now)
    await setImmediate()
    running.now--
    return call()
  }
  const functions: ClassifierFunctions = {
    predict: (batch) => alone(() => linear.predict(batch)),
    gradient: (batch, cotangents) => alone(() => linear.gradient(batch, cotangents)),
  }
  const model = await fromFunctions(functions, settings)
  const results = await Promise.all([model.predict(inputs), model.inputGradient(inputs, [0], 'margin')])
  expect(results).toEqual([Float32Array.of(1, 0), Float32Array.of(1, 2)])
  expect(running.most).toBe(1)
  await model.close()
})

test('preprocessing comes before the functions', async () => {
  const model = await fromFunctions(linear, { ...settings, preprocessing: { mean: [0.25, 0.5], std: 0.5 } })
  expect(await model.predict(inputs)).toEqual(Float32Array.of(0.5, 0))
  expect(await model.inputGradient(inputs, [0], 'margin')).toEqual(Float32Array.of(2, 4))
  await model.close()
})

test('the fingerprint is that of the behaviour', async () => {
  const hash = async (functions: ClassifierFunctions) => (await fromFunctions(functions, settings)).description.sha256
  const first = await hash(linear)
  expect(first).toMatch(/^[0-9a-f]{64}$/)
  expect(await hash({ ...linear })).toBe(first)
  expect(await hash({ predict: (batch) => perRow(batch, (row) => [score(row) + 1e-3, 0]) })).not.toBe(first)
})

test('probabilities are warned of', async () => {
  const share = (row: Float32Array) => 1 / (1 + Math.exp(-score(row)))
  const model = await fromFunctions(
    { predict: (batch) => perRow(batch, (row) => [share(row), 1 - share(row)]) },
    settings,
  )
  expect(model.description.warnings).toEqual([expect.stringContaining('probabilities')])
})

test('a single probability is warned of: every input would be class 1', async () => {
  const shares = (batch: Inputs) => perRow(batch, (row) => [1 / (1 + Math.exp(-score(row)))])
  const model = await fromFunctions({ predict: shares }, settings)
  expect(model.description.warnings).toEqual([expect.stringContaining('as a probability does')])
  expect(
    (await fromFunctions({ predict: (batch) => perRow(batch, (row) => [score(row)]) }, settings)).description.warnings,
  ).toEqual([])
})

const { predict } = linear
let calls = 0
const wrong: Record<string, [ClassifierFunctions, RegExp]> = {
  'no numbers': [{ predict: () => [] }, /predict returned no numbers for one sample/],
  nothing: [{ predict: () => undefined as never }, /predict returned no numbers/],
  'the numbers of one sample for any batch': [
    { predict: () => [1, 0] },
    /predict returned 2 numbers where 6 numbers were expected/,
  ],
  'outputs that are not finite': [{ predict: (batch) => perRow(batch, () => [Number.NaN, 0]) }, /not finite/],
  'a sum over the batch': [
    {
      predict: (batch) => {
        const sum = perRow(batch, (row) => [score(row)]).reduce((total, one) => total + one, 0)
        return perRow(batch, (row) => [score(row) + sum, 0])
      },
    },
    /other logits for a sample in a batch.*training mode/,
  ],
  'random numbers': [
    { predict: (batch) => perRow(batch, (row) => [score(row) + ++calls / 100, 0]) },
    /draw random numbers/,
  ],
  'a gradient of the wrong size': [
    { predict, gradient: () => [1] },
    /gradient returned 1 numbers where 14 numbers were expected/,
  ],
  'a gradient of the wrong sign': [
    { predict, gradient: (batch, seeds) => Array.from(linear.gradient(batch, seeds) as number[], (entry) => -entry) },
    /disagrees with finite differences/,
  ],
  'a gradient that misses a feature': [
    {
      predict,
      gradient: (batch, seeds) =>
        Array.from(linear.gradient(batch, seeds) as number[], (entry, index) => (index % 2 === 0 ? 0 : entry)),
    },
    /disagrees with finite differences/,
  ],
  'a gradient of zero': [
    { predict, gradient: ({ data }) => new Float32Array(data.length) },
    /zero where the outputs change/,
  ],
}

test.each(Object.entries(wrong))('refuses functions that return %s', async (_, [functions, message]) => {
  const refused = fromFunctions(functions, settings)
  await expect(refused).rejects.toThrow(ModelError)
  await expect(refused).rejects.toThrow(message)
})

test.each([
  [{}, settings, /predict must be a function/],
  [{ predict, gradient: 1 }, settings, /gradient must be a function/],
  [linear, { ...settings, name: '' }, /name/],
  [linear, { ...settings, featureShape: [] }, /featureShape/],
  [linear, { ...settings, featureShape: [2.5] }, /featureShape/],
  [linear, { ...settings, batchSize: 0 }, /batchSize/],
  [linear, { ...settings, domain: [1, 0] }, /domain/],
  [linear, { ...settings, batch: 1 }, /no setting "batch"/],
  [linear, undefined, /takes an object with its settings, such as fromFunctions/],
  [undefined, settings, /predict must be a function/],
])('refuses settings that make no sense', async (functions, given, message) => {
  const refused = fromFunctions(functions as ClassifierFunctions, given as FunctionSettings)
  await expect(refused).rejects.toThrow(SettingsError)
  await expect(refused).rejects.toThrow(message)
})

test('a function that fails later fails the attack, not the process', async () => {
  let failing = false
  const model = await fromFunctions(
    {
      predict(batch) {
        if (failing) throw new Error('out of memory')
        return linear.predict(batch)
      },
    },
    settings,
  )
  failing = true
  await expect(attack(model, rayS(), { inputs })).rejects.toThrow('out of memory')
})
