import * as fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { layerValues, logitsOf } from '../../src/properties/evaluate-network.js'
import { networkModel } from '../../src/properties/network.js'
import { networks } from '../../src/properties/networks.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

test('random networks evaluate to what onnxruntime makes of them', async () => {
  const kinds = new Set<string>()
  const property = fc.asyncProperty(networks({ depth: 5 }), fc.nat(), async (network, inputSeed) => {
    const size = network.inputShape.reduce((product, side) => product * side, 1)
    const { normal } = randomSource(inputSeed)
    const data = Float32Array.from({ length: size }, normal)
    const model = await loadModel(networkModel(network), { domain: [-100, 100] })
    const logits = await model.predict({ data, shape: [1, ...network.inputShape] })
    await model.close()
    const largest = layerValues(network, data)
      .flatMap((value) => Array.from(value.data, Math.abs))
      .reduce((most, value) => Math.max(most, value), 1)
    const expected = Array.from(logitsOf(network, data))
    expect(Math.max(...expected.map((logit, index) => Math.abs(logit - logits[index])))).toBeLessThan(1e-4 * largest)
    for (const layer of network.layers) kinds.add('operator' in layer ? layer.operator : layer.layer)
  })
  await fc.assert(property, { numRuns: 400, seed })
  const every = ['dense', 'convolution', 'Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'MaxPool', 'AveragePool', 'LpPool']
  expect([...kinds]).toEqual(expect.arrayContaining([...every, 'batch normalization', 'local response normalization']))
})

// The random ones have groups of one channel.
test('groups of two channels', () => {
  const kernels = [
    [1, 10],
    [2, 20],
    [3, 30],
    [4, 40],
  ].map((weights) => weights.map((weight) => [[weight]]))
  const layer = {
    layer: 'convolution',
    weights: kernels,
    bias: [0, 0, 0, 0.5],
    stride: 1,
    padding: 0,
    dilation: 1,
  } as const
  const network = { inputShape: [4, 1, 1], layers: [{ ...layer, groups: 2 }] }
  expect(layerValues(network, Float32Array.of(1, 2, 3, 4))[0].data).toEqual([21, 42, 129, 172.5])
})
