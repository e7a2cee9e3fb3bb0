import { afterAll, describe, expect, test } from 'vitest'
import { attack } from '../../src/attacks/run-attack.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { engine } from '../../src/engine/engine.js'
import { seed } from '../seed.js'
import { hasSharedData } from './shared-data.js'
import { loadTorchModel } from './torch-models.js'

// As many as the reference attacked.
const count = 100

afterAll(() => engine.close())

describe.skipIf(!hasSharedData).each(['digits_mlp', 'mnist_lenet'])('%s against AutoAttack', (name) => {
  test('square fools at least as many with as many queries, but for one sample', async () => {
    const { model, inputs, labels, attacks } = await loadTorchModel(name, count)
    const reference = attacks.autoattack_square_linf
    const fooled: number[] = reference.fooled.slice(0, count)
    const result = await attack(model, square({ epsilon: reference.eps, queries: 1000 }), { inputs, labels, seed })
    const expected = result.samples.filter(({ eligible }, index) => eligible && fooled[index]).length
    expect(expected).toBeGreaterThan(3)
    expect(result.fooled).toBeGreaterThanOrEqual(expected - 1)
    for (const { forwardQueries } of result.samples) expect(forwardQueries).toBeLessThanOrEqual(1000)
    await model.close()
  })
})
