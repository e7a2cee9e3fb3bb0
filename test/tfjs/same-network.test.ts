import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { engine } from '../../src/engine/engine.js'
import {
  attack,
  bound,
  type Classifier,
  crown,
  firstSamples,
  type Inputs,
  lipschitz,
  loadModel,
  loadTfjsModel,
  pgd,
  type Samples,
} from '../../src/index.js'
import { seed } from '../seed.js'
import { type LenetWeights, lenetGraph, lenetLayers, lenetWeights } from './lenet.js'

const count = 6
const kinds = ['layers', 'graph'] as const

let onnx: Classifier
let onnxSamples: Samples
let samples: Samples
let inputs: Inputs
let weights: LenetWeights
const natives: Record<string, tf.LayersModel | tf.GraphModel> = {}
const models: Record<string, Classifier> = {}

beforeAll(async () => {
  await tf.setBackend('cpu')
  const fixture = await loadFixture('mnist_lenet')
  onnx = await loadModel(fixture.modelPath, { domain: fixture.domain })
  onnxSamples = firstSamples(fixture.samples, count)
  // One channel: only the shape says that it comes last.
  inputs = { data: onnxSamples.inputs.data, shape: [count, 28, 28, 1] }
  samples = { inputs, labels: onnxSamples.labels }
  weights = await lenetWeights()
  natives.layers = lenetLayers(tf, weights)
  natives.graph = await tf.loadGraphModel(tf.io.fromMemory(lenetGraph(weights)))
  for (const kind of kinds) models[kind] = await loadTfjsModel(natives[kind], { tf, domain: fixture.domain })
})

afterAll(async () => {
  for (const model of [onnx, ...Object.values(models)]) await model.close()
  for (const native of Object.values(natives)) native.dispose()
  await engine.close()
})

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  return actual.reduce((most, value, index) => Math.max(most, Math.abs(value - expected[index]) / scale), 0)
}

describe.each(kinds)('mnist_lenet as a %s model', (kind) => {
  test('gives the same logits', async () => {
    const expected = await onnx.predict(onnxSamples.inputs)
    expect(largestDifference(await models[kind].predict(inputs), expected)).toBeLessThan(1e-5)
  })

  test.each(['cross-entropy', 'margin', 'dlr'] as const)('gives the same gradients of the %s', async (loss) => {
    const labels = samples.labels!
    const expected = await onnx.inputGradient(onnxSamples.inputs, labels, loss)
    expect(largestDifference(await models[kind].inputGradient(inputs, labels, loss), expected)).toBeLessThan(1e-4)
  })

  test.each([pgd({ epsilon: 0.25, steps: 10 }), pgd({ norm: 'l2', epsilon: 2, steps: 10 })])(
    'is fooled the same by $name $norm',
    async (method) => {
      const expected = await attack(onnx, method, { ...onnxSamples, seed })
      const result = await attack(models[kind], method, { ...samples, seed })
      // Both outcomes occur.
      expect([0, count]).not.toContain(expected.fooled)
      for (const [index, sample] of result.samples.entries()) {
        const other = expected.samples[index]
        expect(sample).toMatchObject({ fooled: other.fooled, prediction: other.prediction })
        if (sample.fooled) expect(sample.distance![method.norm]).toBeCloseTo(other.distance![method.norm], 3)
      }
    },
  )
})

test.each([crown({ norm: 'linf' }), lipschitz({ norm: 'l2' })])(
  '$name gives what is translated the radii of the ONNX model',
  async (method) => {
    const few = (all: Samples) => firstSamples(all, 2)
    const expected = await bound(onnx, method, few(onnxSamples))
    for (const model of [models.layers, models.graph]) {
      const { samples: bounded } = await bound(model, method, few(samples))
      for (const [index, { radius }] of bounded.entries()) {
        expect(radius).toBeGreaterThan(0)
        expect(radius / expected.samples[index].radius).toBeCloseTo(1, 2)
      }
    }
  },
)
