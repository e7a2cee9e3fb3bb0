import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import * as unfooled from '../../src/index.js'
import { randomSource } from '../../src/sampling/random.js'
import { attackList } from '../attack-list.mjs'
import { seed } from '../seed.js'

const { attack, loadTfjsModel } = unfooled

const random = randomSource(seed)
const inputs = { data: Float32Array.from({ length: 4 * 16 }, random.uniform), shape: [4, 4, 4, 1] }
const epsilons: Partial<Record<unfooled.AttackNorm, number>> = { linf: 0.3, l3: 0.6, l2: 1, 'l1.5': 1.5, l1: 3, l0: 4 }

const network = (...more: tf.layers.Layer[]) =>
  tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [4, 4, 1], filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      ...more,
      tf.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  })

// A layer without a translation leaves the gradients to TensorFlow.js.
const kinds = {
  translated: () => network(tf.layers.dropout({ rate: 0.5 })),
  native: () => network(tf.layers.repeatVector({ n: 1 }), tf.layers.flatten()),
}

describe.each(['translated', 'native'] as const)('%s', (kind) => {
  let native: tf.LayersModel
  let model: unfooled.Classifier
  let before: number
  beforeAll(async () => {
    await tf.setBackend('cpu')
    native = kinds[kind]()
    before = tf.memory().numTensors
    model = await loadTfjsModel(native, { tf, domain: [0, 1] })
  })
  afterAll(async () => {
    await model.close()
    expect(tf.memory().numTensors).toBe(before)
    native.dispose()
  })

  test('loading leaves no tensors behind', () => {
    expect(tf.memory().numTensors).toBe(before)
  })

  // The translation runs elsewhere: what TensorFlow.js is asked for is the same in every norm.
  const list = attackList(unfooled).filter(({ name }) => kind === 'translated' || name !== 'linearRegion')
  const cases = list.flatMap(({ name, norms, make }) =>
    norms.slice(0, kind === 'translated' ? 1 : norms.length).map((norm) => ({ name, norm, make })),
  )
  test.each(cases)('$name $norm leaves no tensors behind', async ({ norm, make }) => {
    const tensors = tf.memory().numTensors
    const bytes = tf.memory().numBytes
    const method = make({ norm, epsilon: epsilons[norm]!, quick: true, model })
    const { eligible } = await attack(model, method, { inputs, seed })
    expect(eligible).toBe(4)
    expect(tf.memory()).toMatchObject({ numTensors: tensors, numBytes: bytes })
  })
})

afterAll(() => engine.close())
