import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import type { Classifier } from '../../src/model/classifier.js'
import { range } from '../../src/sampling/rows.js'
import { median } from '../../src/statistics/median.js'
import { seed } from '../seed.js'
import { hasSharedData } from './shared-data.js'
import { loadTorchModel } from './torch-models.js'

const count = 100

/** What a Python library reached on the same samples. */
interface Reference {
  readonly norm: Norm
  readonly eps: number | null
  readonly fooling_ratio_of_clean_correct: number
  readonly median_dist_fooled: number
}

afterAll(() => engine.close())

describe.skipIf(!hasSharedData).each(['digits_mlp', 'mnist_lenet'])('%s against torchattacks and Foolbox', (name) => {
  let model: Classifier
  let references: Record<string, Reference>
  let run: (method: Attack, drawn?: number) => ReturnType<typeof attack>

  beforeAll(async () => {
    const { inputs, labels, ...loaded } = await loadTorchModel(name, count)
    model = loaded.model
    references = loaded.attacks
    run = (method, drawn = seed) => attack(model, method, { inputs, labels, seed: drawn })
  })
  afterAll(() => model.close())

  test.each([
    ['torchattacks_pgd_linf', true],
    ['foolbox_pgd_linf', true],
    ['foolbox_pgd_l2', false],
  ] as const)('pgd fools as many as %s, within one sample', async (reference, randomStart) => {
    const { norm, eps, fooling_ratio_of_clean_correct: ratio } = references[reference]
    const method = pgd({ norm, epsilon: eps!, stepSize: eps! / 10, randomStart })
    const results = []
    // One random start is luck.
    for (const drawn of range(randomStart ? 5 : 1)) results.push(await run(method, seed + drawn))
    const [{ eligible, warnings }] = results
    const fooled = median(results.map((each) => each.fooled))
    expect(Math.abs(fooled - Math.round(ratio * eligible))).toBeLessThanOrEqual(1)
    expect(warnings).toEqual([])
  })

  test.each(['linf', 'l2'] as const)(
    'deepFool %s: the median distance is at most 1.02 of the reference',
    async (norm) => {
      const reference = references[`foolbox_deepfool_${norm}`]
      const result = await run(deepFool({ norm }))
      expect(result.fooled).toBe(result.eligible)
      expect(result.medianDistance).toBeLessThanOrEqual(1.02 * reference.median_dist_fooled)
      expect(result.medianDistance).toBeGreaterThan(0.8 * reference.median_dist_fooled)
    },
  )
})
