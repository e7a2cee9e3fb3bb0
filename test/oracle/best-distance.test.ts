import { afterAll, describe, expect, test } from 'vitest'
import type { Attack, AttackRequest, AttackResult } from '../../src/attacks/attack.js'
import { alma } from '../../src/attacks/minimal-distance/alma.js'
import { boundaryProjection } from '../../src/attacks/minimal-distance/boundary-projection.js'
import { ddn } from '../../src/attacks/minimal-distance/ddn.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import type { Classifier } from '../../src/model/classifier.js'
import { range, takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { hasSharedData } from './shared-data.js'
import { loadTorchModel } from './torch-models.js'

const count = 100
// The best known distances, of all the Python attacks, are given with six decimals: at most half of the last may be missing.
const rounding = 5e-7

/** One after the other, each for the samples that the ones before it left farther away: short ones first. */
const methods = {
  digits_mlp: {
    l2: [from(fmn({ steps: 1000, alpha: 3 })), from(ddn({ steps: 1000, targetClasses: 3 }))],
    linf: [from(fmn({ norm: 'linf', alpha: 30, steps: 300 }))],
  },
  mnist_lenet: {
    l2: [
      from(alma({ loss: 'dlr', steps: 300, learningRate: 1 })),
      from(alma({ loss: 'dlr', steps: 1000, learningRate: 1 })),
      from(alma({ steps: 1000, learningRate: 0.3 })),
      aimed,
    ],
    linf: [
      from(fmn({ norm: 'linf', steps: 200, alpha: 10, gamma: 0.2 })),
      from(fmn({ norm: 'linf', steps: 1000, alpha: 10, gamma: 0.2 })),
      from(fmn({ norm: 'linf', steps: 1000, alpha: 30, gamma: 0.2 })),
      from(fmn({ norm: 'linf', steps: 1000, alpha: 100 })),
    ],
  },
}

afterAll(() => engine.close())

describe.skipIf(!hasSharedData)('the share of samples whose distance is at most the best known one', () => {
  test.each([
    ['digits_mlp', 'l2', 0.95],
    ['digits_mlp', 'linf', 0.95],
    ['mnist_lenet', 'l2', 0.95],
    ['mnist_lenet', 'linf', 0.95],
  ] as const)('%s %s: at least %f', async (name, norm, share) => {
    const { model, inputs, labels, bestKnown } = await loadTorchModel(name, count)
    const known: number[] = bestKnown[norm].best_upper_bound
    let eligible: number | undefined
    let farther = range(count)
    for (const run of methods[name][norm]) {
      const request = { inputs: takeSamples(inputs, farther), labels: farther.map((sample) => labels[sample]), seed }
      const result = await run(model, request)
      if (eligible === undefined) expect(result.fooled).toBe(result.eligible)
      eligible ??= result.eligible
      farther = farther.filter((sample, row) => {
        const { eligible, distance } = result.samples[row]
        return eligible && !(distance && distance[norm] <= known[sample] + rounding)
      })
      if (farther.length <= (1 - share) * eligible) break
    }
    expect(farther.length / eligible!).toBeLessThanOrEqual(1 - share)
    await model.close()
  })
})

type Run = (model: Classifier, request: AttackRequest) => Promise<AttackResult>

function from(start: Attack): Run {
  return (model, request) =>
    attack(model, boundaryProjection({ norm: start.norm as 'l2' | 'linf', starts: [start] }), request)
}

/** LeNet has many local optima in ℓ2, and the class of the closest is often not the one that the gradient points at: a short run tries all. */
async function aimed(model: Classifier, request: AttackRequest): Promise<AttackResult> {
  const scouted = await attack(model, alma({ steps: 1080, targetClasses: 9 }), request)
  const target = scouted.samples.map(({ adversarialPrediction, label }) =>
    adversarialPrediction === label ? (label + 1) % model.classes : adversarialPrediction,
  )
  const start = alma({ target, steps: 1000, learningRate: 2 })
  return attack(model, boundaryProjection({ target, starts: [start] }), request)
}
