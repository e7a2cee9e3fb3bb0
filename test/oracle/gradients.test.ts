import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { compileGraph } from '../../src/engine/compiled-graph.js'
import { engine } from '../../src/engine/engine.js'
import { intTensor } from '../../src/graph/builder.js'
import { loadModel } from '../../src/model/load-model.js'
import { lossGradientGraph } from '../../src/passes/gradient-graph.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

/** ‖actual − expected‖₂ / ‖expected‖₂ of one row. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, row: number, width: number): number {
  let difference = 0
  let size = 0
  for (let index = row * width; index < (row + 1) * width; index++) {
    difference += (actual[index] - expected[index]) ** 2
    size += expected[index] ** 2
  }
  return Math.sqrt(difference / size)
}

afterAll(() => engine.close())

describe.skipIf(!hasSharedData).each(['digits_mlp', 'mnist_lenet'])('%s', async (name) => {
  if (!hasSharedData) return
  const floats = (kind: string) => readFloats('torch', `${name}_${kind}.bin.gz`)
  const { shape } = readJson('torch', `${name}.json`).x
  const inputs = { data: floats('x'), shape: shape as number[] }
  const count = inputs.shape[0]
  const features = inputs.data.length / count
  const labels = Array.from(floats('y'))
  const model = await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] })

  test('logits are those of PyTorch and of the untouched file', async () => {
    const expected = floats('logits')
    const logits = await model.predict(inputs)
    for (let row = 0; row < count; row++) expect(relativeError(logits, expected, row, 10)).toBeLessThan(1e-5)
    expect(model.description.fidelity).toBeLessThan(1e-5)
  })

  test('input gradients are those of PyTorch where its float32 has not cancelled, and of float64 everywhere', async () => {
    const gradient = await model.inputGradient(inputs, labels, 'cross-entropy')
    const float64 = await compileGraph(lossGradientGraph(model.graph, 'cross-entropy', 'float64'), false)
    const { gradient: exact, logits } = await float64.run({
      [model.graph.inputs[0].name]: { type: 'float64', shape: inputs.shape, data: Float64Array.from(inputs.data) },
      labels: intTensor(labels),
    })
    const torch = floats('cegrad')
    let compared = 0
    for (let row = 0; row < count; row++) {
      expect(relativeError(gradient, exact.data as Float64Array, row, features), `sample ${row}, float64`).toBeLessThan(
        1e-4,
      )
      // PyTorch subtracts 1 from the label's probability: what is left of it has an error of 6e-8 / (1 − p).
      if (missingProbability(logits.data as Float64Array, row, labels[row]) < 2e-3) continue
      compared++
      expect(relativeError(gradient, torch, row, features), `sample ${row}, PyTorch`).toBeLessThan(1e-4)
    }
    expect(compared).toBeGreaterThan(count / 10)
  })
})

/** 1 − p of the label's class. */
function missingProbability(logits: Float64Array, row: number, label: number): number {
  const scores = logits.subarray(row * 10, row * 10 + 10)
  const weights = scores.map((score) => Math.exp(score - scores[label]))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return (total - 1) / total
}
