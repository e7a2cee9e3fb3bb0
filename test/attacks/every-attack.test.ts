import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { distance } from '../../src/geometry/norm.js'
import { encodeModel } from '../../src/graph/encode.js'
import * as unfooled from '../../src/index.js'
import { randomSource } from '../../src/sampling/random.js'
import { rowOf } from '../../src/sampling/rows.js'
import { attackList } from '../attack-list.mjs'
import { seed } from '../seed.js'
import { denseGraph, graphOf } from '../tiny-models.js'

const { attack, loadModel } = unfooled

afterAll(() => engine.close())

const cases = attackList(unfooled).flatMap(({ name, norms, make }) => norms.map((norm) => ({ name, norm, make })))
const random = randomSource(seed)
const weights = (outputs: number, inputs: number) =>
  Array.from({ length: outputs }, () => Array.from({ length: inputs }, () => random.normal() / Math.sqrt(inputs)))

/** A network with one hidden layer over inputs of any shape, with all logits equal in the middle of the unit cube. */
function network(featureShape: readonly number[], classes: number, batch: number | string = 'batch') {
  const features = featureShape.reduce((product, size) => product * size, 1)
  const [first, second] = [weights(16, features), weights(classes, 16)]
  const apply = (rows: number[][], values: number[]) =>
    rows.map((row) => row.reduce((sum, weight, index) => sum + weight * values[index], 0))
  const inTheMiddle = apply(first, Array<number>(features).fill(0.5)).map((value) => Math.max(value, 0))
  const bias = apply(second, inTheMiddle).map((logit) => -logit)
  return graphOf(
    featureShape,
    (builder, input) => {
      const flat = builder.add('Flatten', [input])
      const matrix = (rows: number[][]) => builder.floats(rows.flat(), [rows.length, rows[0].length])
      const hidden = builder.add('Relu', [builder.add('Gemm', [flat, matrix(first)], { transB: 1 })])
      return builder.add('Gemm', [hidden, matrix(second), builder.floats(bias)], { transB: 1 })
    },
    batch,
  )
}

const models: Record<string, { bytes: Uint8Array; featureShape: number[]; frozen?: number }> = {
  'two classes': { bytes: encodeModel(network([6], 2)), featureShape: [6] },
  'three classes': { bytes: encodeModel(network([6], 3)), featureShape: [6] },
  '1000 classes': { bytes: encodeModel(network([6], 1000)), featureShape: [6] },
  'batches of one only': { bytes: encodeModel(network([6], 3, 1)), featureShape: [6] },
  'one score': { bytes: encodeModel(network([6], 1)), featureShape: [6] },
  'one feature': { bytes: encodeModel(denseGraph({ weights: [[4], [-4]], bias: [-2, 2] })), featureShape: [1] },
  'inputs of rank 2': { bytes: encodeModel(network([4, 3], 3)), featureShape: [4, 3] },
  'inputs of rank 3': { bytes: encodeModel(network([2, 3, 3], 3)), featureShape: [2, 3, 3] },
  'inputs of rank 4': { bytes: encodeModel(network([2, 2, 2, 2], 3)), featureShape: [2, 2, 2, 2] },
  'a frozen feature': { bytes: encodeModel(network([6], 3)), featureShape: [6], frozen: 2 },
}

const epsilons: Partial<Record<unfooled.AttackNorm, number>> = {
  linf: 0.6,
  l3: 0.9,
  l2: 1.2,
  'l1.5': 1.6,
  l1: 2.5,
  l0: 3,
}

// That a run is repeated by its seed, to the last bit, is what shards.test.ts takes from every attack.
describe.each(Object.entries(models))('%s', (_, { bytes, featureShape, frozen }) => {
  const features = featureShape.reduce((product, size) => product * size, 1)
  const count = 12
  let model: unfooled.Classifier
  let inputs: unfooled.Inputs

  beforeAll(async () => {
    const lower = new Float32Array(features)
    const upper = new Float32Array(features).fill(1)
    if (frozen !== undefined) lower[frozen] = upper[frozen] = 0.25
    model = await loadModel(bytes, { domain: { lower, upper } })
    const source = randomSource(seed)
    const data = Float32Array.from({ length: count * features }, (_, index) =>
      index % features === frozen ? 0.25 : source.uniform(),
    )
    inputs = { data, shape: [count, ...featureShape] }
  })
  afterAll(() => model.close())

  test.each(cases)('$name $norm keeps to domain and ball, and its successes are real', async ({ norm, make }) => {
    const epsilon = epsilons[norm]!
    const method = make({ norm, epsilon, quick: true, model })
    const predict = vi.spyOn(model, 'predict')
    const result = await attack(model, method, { inputs, seed })
    const asked = predict.mock.calls.reduce((sum, [{ shape }]) => sum + shape[0], 0)
    predict.mockRestore()
    expect(result.eligible).toBe(count)
    // All but the predictions that an attack is given, and the check of what it proposes.
    expect(result.forwardQueries).toBeGreaterThanOrEqual(asked - 2 * count)
    for (const [index, sample] of result.samples.entries()) {
      if (!sample.fooled) continue
      const point = sample.adversarial!
      point.forEach((coordinate, feature) => {
        expect(coordinate).toBeGreaterThanOrEqual(model.domain.lower[feature])
        expect(coordinate).toBeLessThanOrEqual(model.domain.upper[feature])
      })
      const measured = distance(rowOf(inputs.data, features, index), point, norm)[norm]
      expect(sample.distance![norm]).toBe(measured)
      if (method.kind === 'fixed-epsilon') expect(measured).toBeLessThanOrEqual(epsilon)
      const logits = await model.predict({ data: point, shape: [1, ...featureShape] })
      expect(logits.indexOf(Math.max(...logits))).toBe(sample.adversarialPrediction)
      expect(sample.adversarialPrediction).not.toBe(sample.label)
    }
    // Not a no-op: these balls are large. Noise, and a step that looks at one logit only, may fail all the same.
    if (features > 1 && !['randomNoise', 'algorithm2'].includes(method.name)) expect(result.fooled).toBeGreaterThan(0)
  })
})

/** f = (1, tanh(w·(x + y))): saturated almost everywhere, tied where it is. */
const saturated = (weight: number) =>
  encodeModel(
    graphOf([2], (builder, input) => {
      const hidden = builder.add('Tanh', [builder.add('MatMul', [input, builder.floats([weight, weight], [2, 1])])])
      return builder.add('Gemm', [hidden, builder.floats([0, 1], [1, 2]), builder.floats([1, 0], [2])])
    }),
  )

// linearRegion is for other operators.
const ofAnyModel = cases.filter(({ name }) => name !== 'linearRegion')

test.each(ofAnyModel)(
  '$name $norm does not fail where the model is flat, or two classes tie',
  async ({ norm, make }) => {
    for (const weight of [-2, -8]) {
      const model = await loadModel(saturated(weight), { domain: [-10, 10] })
      const points = [
        [7.435897, 9.487179],
        [10, 6.923077],
        [0, 0],
        [-3, -2],
        [-0.3, -0.6],
      ]
      const inputs = { data: Float32Array.from(points.flat()), shape: [points.length, 2] }
      const method = make({ norm, epsilon: epsilons[norm]!, quick: true, model })
      const { eligible } = await attack(model, method, { inputs, labels: points.map(() => 0), seed })
      expect(eligible).toBe(points.length)
      await model.close()
    }
  },
)

test.each(cases)('$name $norm ends with what it has when the time is up', async ({ norm, make }) => {
  const model = await loadModel(models['three classes'].bytes, { domain: [0, 1] })
  const inputs = { data: new Float32Array(12).fill(0.5), shape: [2, 6] }
  const result = await attack(model, make({ norm, epsilon: 0.4, model }), { inputs, seed, budget: 0 })
  expect(result.interrupted).toBe(true)
  expect(result.warnings.join()).toMatch(/time budget ended the attack early/)
  await model.close()
})
