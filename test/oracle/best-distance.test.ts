import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { boundaryProjection } from '../../src/attacks/minimal-distance/boundary-projection.js'
import { ddn } from '../../src/attacks/minimal-distance/ddn.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

const count = 100
// The best known distances, of all the Python attacks, are given with six decimals: at most half of the last may be missing.
const rounding = 5e-7

const starts = {
  digits_mlp: {
    l2: [fmn({ steps: 1000, alpha: 3 }), ddn({ steps: 1000, targetClasses: 3 })],
    linf: [fmn({ norm: 'linf', alpha: 30, steps: 300 })],
  },
  mnist_lenet: {
    l2: [
      fmn({ steps: 1000, alpha: 3 }),
      fmn({ steps: 1500, alpha: 3, gamma: 0.2, targetClasses: 3 }),
      ddn({ steps: 1500, gamma: 0.3, targetClasses: 3 }),
    ],
    linf: [
      fmn({ norm: 'linf', steps: 1000, alpha: 10, gamma: 0.2 }),
      fmn({ norm: 'linf', steps: 1000, alpha: 30, gamma: 0.2 }),
      fmn({ norm: 'linf', steps: 1000, alpha: 100 }),
    ],
  },
}

afterAll(() => engine.close())

describe.skipIf(!hasSharedData)('the share of samples whose distance is at most the best known one', () => {
  // LeNet has many local optima in ℓ2: 95 % is missed, though the mean distance is less than that of the best known ones.
  test.each([
    ['digits_mlp', 'l2', 0.95],
    ['digits_mlp', 'linf', 0.95],
    ['mnist_lenet', 'l2', 0.65],
    ['mnist_lenet', 'linf', 0.95],
  ] as const)('%s %s: at least %f', async (name, norm, share) => {
    const model = await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] })
    const [, ...featureShape] = readJson('torch', `${name}.json`).x.shape
    const data = readFloats('torch', `${name}_x.bin.gz`).slice(0, count * elementCount(featureShape))
    const labels = readFloats('torch', `${name}_y.bin.gz`).slice(0, count)
    const known: number[] = readJson('torch', `${name}_attacks.json`).best_known[norm].best_upper_bound
    const method = boundaryProjection({ norm, starts: starts[name][norm] })
    const inputs = { data, shape: [count, ...featureShape] }
    const { samples, eligible, fooled } = await attack(model, method, { inputs, labels, seed })
    expect(fooled).toBe(eligible)
    const reached = samples.filter(
      ({ distance }, index) => distance !== undefined && distance[norm] <= known[index] + rounding,
    )
    expect(reached.length / eligible).toBeGreaterThanOrEqual(share)
    await model.close()
  })
})
