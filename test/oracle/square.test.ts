import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { attack } from '../../src/attacks/run-attack.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

// As many as the reference attacked.
const count = 100

afterAll(() => engine.close())

describe.skipIf(!hasSharedData).each(['digits_mlp', 'mnist_lenet'])('%s against AutoAttack', (name) => {
  test('square fools at least as many with as many queries, but for one sample', async () => {
    const model = await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] })
    const [, ...featureShape] = readJson('torch', `${name}.json`).x.shape
    const data = readFloats('torch', `${name}_x.bin.gz`).slice(0, count * elementCount(featureShape))
    const labels = readFloats('torch', `${name}_y.bin.gz`).slice(0, count)
    const reference = readJson('torch', `${name}_attacks.json`).attacks.autoattack_square_linf
    const fooled: number[] = reference.fooled.slice(0, count)
    const inputs = { data, shape: [count, ...featureShape] }
    const result = await attack(model, square({ epsilon: reference.eps, queries: 1000 }), { inputs, labels, seed })
    const expected = result.samples.filter(({ eligible }, index) => eligible && fooled[index]).length
    expect(expected).toBeGreaterThan(3)
    expect(result.fooled).toBeGreaterThanOrEqual(expected - 1)
    for (const { forwardQueries } of result.samples) expect(forwardQueries).toBeLessThanOrEqual(1000)
    await model.close()
  })
})
