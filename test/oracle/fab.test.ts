import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { fab } from '../../src/attacks/auto-attack/fab.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

const count = 100

afterAll(() => engine.close())

describe.skipIf(!hasSharedData).each(['digits_mlp', 'mnist_lenet'])('%s against AutoAttack', (name) => {
  let model: Classifier
  let run: (method: Attack) => ReturnType<typeof attack>

  beforeAll(async () => {
    model = await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] })
    const [, ...featureShape] = readJson('torch', `${name}.json`).x.shape
    const data = readFloats('torch', `${name}_x.bin.gz`).slice(0, count * elementCount(featureShape))
    const labels = readFloats('torch', `${name}_y.bin.gz`).slice(0, count)
    run = (method) => attack(model, method, { inputs: { data, shape: [count, ...featureShape] }, labels, seed })
  })
  afterAll(() => model.close())

  test.each(['linf', 'l2'] as const)(
    'fab %s: the median distance is at most 1.02 of the reference, with as many gradients',
    async (norm) => {
      const { attacks, best_known } = readJson('torch', `${name}_attacks.json`)
      const reference = attacks[`autoattack_fab_${norm}`].median_dist_fooled
      const result = await run(fab({ norm }))
      expect(result.fooled).toBe(result.eligible)
      expect(result.medianDistance).toBeLessThanOrEqual(1.02 * reference)
      expect(result.gradientQueries).toBe(100 * result.eligible)
      // The best of eight attacks, some of them with ten times as many steps.
      const best: number[] = best_known[norm].best_upper_bound
      const ratios = result.samples.flatMap(({ distance }, index) => (distance ? [distance[norm] / best[index]] : []))
      const asGood = ratios.filter((ratio) => ratio <= 1).length / ratios.length
      console.log(`${name} fab ${norm}: ${Math.round(100 * asGood)} % of the samples no further than the best known`)
      expect(ratios.filter((ratio) => ratio <= 1.1).length / ratios.length).toBeGreaterThan(0.5)
      expect(Math.min(...ratios)).toBeGreaterThan(0.5)
    },
  )
})
