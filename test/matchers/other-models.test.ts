import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import { engine } from '../../src/engine/engine.js'
import { crown, deepFool, fromFunctions, loadTfjsModel, parseProperty, pgd, rayS } from '../../src/index.js'
import type { Classifier } from '../../src/model/classifier.js'
import { seed } from '../seed.js'
import { samplesBelow } from './subject.js'

// One feature in [0, 1]; class 1 above one half.
const domain = [0, 1] as const
const samples = samplesBelow(20)
let functions: Classifier
let blind: Classifier
let network: tf.Sequential
let layers: Classifier

beforeAll(async () => {
  const predict = ({ data }: { data: Float32Array }) => Array.from(data).flatMap((x) => [0.5 - x, x - 0.5])
  const gradient = (_: unknown, cotangents: Float32Array) =>
    Float32Array.from({ length: cotangents.length / 2 }, (_, row) => cotangents[2 * row + 1] - cotangents[2 * row])
  const settings = { name: 'threshold', featureShape: [1], domain }
  functions = await fromFunctions({ predict, gradient }, settings)
  blind = await fromFunctions({ predict }, settings)
  await tf.setBackend('cpu')
  network = tf.sequential({ name: 'threshold', layers: [tf.layers.dense({ inputShape: [1], units: 2 })] })
  network.setWeights([tf.tensor([[-1, 1]]), tf.tensor([0.5, -0.5])])
  layers = await loadTfjsModel(network, { tf, domain })
})
afterAll(async () => {
  for (const model of [functions, blind, layers]) await model.close()
  await engine.close()
})

test('toResistAttack takes models of every kind', async () => {
  for (const model of [functions, layers]) {
    // The sample at 0.19 is the closest to one half.
    await expect(model).toResistAttack(pgd({ epsilon: 0.3 }), { samples, seed })
    await expect(model).not.toResistAttack(pgd({ epsilon: 0.32 }), { samples, seed })
  }
  await expect(blind).not.toResistAttack(rayS({ queries: 50 }), { samples, seed })
  await expect(expect(blind).toResistAttack(pgd({ epsilon: 0.3 }), { samples, seed })).rejects.toThrow(
    /pgd needs gradients, which threshold does not have: it was made without a gradient function/,
  )
})

test('toHaveLowerBoundAbove proves it for translated layers, and for functions it can not tell', async () => {
  const options = { samples, norm: 'linf', bound: crown({ norm: 'linf' }) } as const
  await expect(layers).toHaveLowerBoundAbove(0.305, options)
  await expect(layers).not.toHaveLowerBoundAbove(0.315, options)
  for (const model of [functions, blind]) {
    const message = /crown needs the operators of the model, and threshold does not show them: it is a function/
    await expect(expect(model).toHaveLowerBoundAbove(0.305, options)).rejects.toThrow(message)
    await expect(expect(model).not.toHaveLowerBoundAbove(0.305, options)).rejects.toThrow(message)
  }
})

test('toHaveValidLowerBounds tries certificates of the translation on the model that TensorFlow.js runs', async () => {
  const attacks = [deepFool({ norm: 'linf' })]
  await expect(layers).toHaveValidLowerBounds({ samples, bound: crown({ norm: 'linf' }), attacks, runs: 20, seed })
})

test('toSatisfyProperty proves it for translated layers, and for functions it can not tell', async () => {
  // Class 1 wins for no input up to one half.
  const property = parseProperty(
    `(declare-const X_0 Real) (declare-const Y_0 Real) (declare-const Y_1 Real)
     (assert (>= X_0 0.0)) (assert (<= X_0 0.49)) (assert (<= Y_0 Y_1))`,
    'below.vnnlib',
  )
  await expect(layers).toSatisfyProperty(property)
  await expect(expect(functions).toSatisfyProperty(property)).rejects.toThrow(
    /Verification needs the operators of the model, and threshold does not show them: it is a function/,
  )
})

test('a model that was not loaded is told apart', async () => {
  await expect(expect(network).toResistAttack(pgd({ epsilon: 0.1 }), { samples })).rejects.toThrow(
    /loaded by loadTfjsModel\(\), functions of your own by fromFunctions\(\)/,
  )
})
