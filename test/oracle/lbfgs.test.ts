import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { lbfgs } from '../../src/attacks/minimal-distance/lbfgs.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { median } from '../../src/statistics/median.js'
import { seed } from '../seed.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

afterAll(() => engine.close())

describe.skipIf(!hasSharedData)('lbfgs against the closest that all Python attacks together came', () => {
  test.each([
    ['digits_mlp', 100],
    ['mnist_lenet', 30],
  ] as const)('%s: all are fooled, at a median distance of at most 1.02 of it', async (name, count) => {
    const model = await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] })
    const [, ...featureShape] = readJson('torch', `${name}.json`).x.shape
    const data = readFloats('torch', `${name}_x.bin.gz`).slice(0, count * elementCount(featureShape))
    const labels = readFloats('torch', `${name}_y.bin.gz`).slice(0, count)
    const { attacks, best_known: best } = readJson('torch', `${name}_attacks.json`)
    const inputs = { data, shape: [count, ...featureShape] }
    const { samples, eligible, fooled, warnings } = await attack(model, lbfgs(), { inputs, labels, seed })

    expect(fooled).toBe(eligible)
    expect(warnings).toEqual([])
    const attacked = samples.flatMap((sample, index) => (sample.eligible ? [{ ...sample, index }] : []))
    const ratios = attacked.map(({ distance, index }) => distance!.l2 / best.l2.best_upper_bound[index])
    expect(median(ratios)).toBeLessThanOrEqual(1.02)
    expect(Math.min(...ratios)).toBeGreaterThan(0.9)
    const reference = median(attacked.map(({ index }) => attacks.foolbox_cw_l2.l2[index]))
    expect(median(attacked.map(({ distance }) => distance!.l2))).toBeLessThanOrEqual(reference)
    await model.close()
  })
})
