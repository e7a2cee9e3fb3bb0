import { afterAll, describe, expect, test } from 'vitest'
import { lbfgs } from '../../src/attacks/minimal-distance/lbfgs.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { median } from '../../src/statistics/median.js'
import { seed } from '../seed.js'
import { hasSharedData } from './shared-data.js'
import { loadTorchModel } from './torch-models.js'

afterAll(() => engine.close())

describe.skipIf(!hasSharedData)('lbfgs against the closest that all Python attacks together came', () => {
  test.each([
    ['digits_mlp', 100],
    ['mnist_lenet', 30],
  ] as const)('%s: all are fooled, at a median distance of at most 1.02 of it', async (name, count) => {
    const { model, inputs, labels, attacks, bestKnown } = await loadTorchModel(name, count)
    const { samples, eligible, fooled, warnings } = await attack(model, lbfgs(), { inputs, labels, seed })

    expect(fooled).toBe(eligible)
    expect(warnings).toEqual([])
    const attacked = samples.flatMap((sample, index) => (sample.eligible ? [{ ...sample, index }] : []))
    const ratios = attacked.map(({ distance, index }) => distance!.l2 / bestKnown.l2.best_upper_bound[index])
    expect(median(ratios)).toBeLessThanOrEqual(1.02)
    expect(Math.min(...ratios)).toBeGreaterThan(0.9)
    const reference = median(attacked.map(({ index }) => attacks.foolbox_cw_l2.l2[index]))
    expect(median(attacked.map(({ distance }) => distance!.l2))).toBeLessThanOrEqual(reference)
    await model.close()
  })
})
