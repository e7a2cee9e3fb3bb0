import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { fab } from '../../src/attacks/auto-attack/fab.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import type { Classifier } from '../../src/model/classifier.js'
import { seed } from '../seed.js'
import { hasSharedData } from './shared-data.js'
import { loadTorchModel } from './torch-models.js'

const count = 100

afterAll(() => engine.close())

describe.skipIf(!hasSharedData).each(['digits_mlp', 'mnist_lenet'])('%s against AutoAttack', (name) => {
  let model: Classifier
  let reached: Pick<Awaited<ReturnType<typeof loadTorchModel>>, 'attacks' | 'bestKnown'>
  let run: (method: Attack) => ReturnType<typeof attack>

  beforeAll(async () => {
    const { inputs, labels, ...loaded } = await loadTorchModel(name, count)
    model = loaded.model
    reached = loaded
    run = (method) => attack(model, method, { inputs, labels, seed })
  })
  afterAll(() => model.close())

  test.each(['linf', 'l2'] as const)(
    'fab %s: the median distance is at most 1.02 of the reference, with as many gradients',
    async (norm) => {
      const { attacks, bestKnown } = reached
      const reference = attacks[`autoattack_fab_${norm}`].median_dist_fooled
      const result = await run(fab({ norm }))
      expect(result.fooled).toBe(result.eligible)
      expect(result.medianDistance).toBeLessThanOrEqual(1.02 * reference)
      expect(result.gradientQueries).toBe(100 * result.eligible)
      // The best of eight attacks, some of them with ten times as many steps.
      const best: number[] = bestKnown[norm].best_upper_bound
      const ratios = result.samples.flatMap(({ distance }, index) => (distance ? [distance[norm] / best[index]] : []))
      const asGood = ratios.filter((ratio) => ratio <= 1).length / ratios.length
      console.log(`${name} fab ${norm}: ${Math.round(100 * asGood)} % of the samples no further than the best known`)
      expect(ratios.filter((ratio) => ratio <= 1.1).length / ratios.length).toBeGreaterThan(0.5)
      expect(Math.min(...ratios)).toBeGreaterThan(0.5)
    },
  )
})
