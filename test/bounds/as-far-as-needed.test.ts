import { afterAll, expect, test } from 'vitest'
import { crown, crownIbp } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { predictClasses } from '../../src/model/predict-classes.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { architectures, randomModel } from './networks.js'
import { randomInputs } from './sampling.js'

afterAll(() => engine.close())

const count = 8

test.each(['linf', 'l2', 'l1'] as const)(
  'cuts, %s: a margin that CROWN shows to be positive is, others are no less than it says, and none is less than by CROWN-IBP',
  async (norm) => {
    const random = randomSource(seed)
    let [positive, negative] = [0, 0]
    for (const name of ['Relu MLP', 'Tanh MLP', 'MaxPool of tiles', 'residual MLP with three branches']) {
      const model = await randomModel(architectures[name], random)
      const inputs = randomInputs(model, count, random)
      const labels = await predictClasses(model, inputs)
      const largest = { linf: 0.1, l2: 0.3, l1: 0.6 }[norm]
      const epsilon = Float64Array.from({ length: count }, (_, sample) => (largest * (sample + 1)) / count)
      const marginsBy = (method: ReturnType<typeof crown>) => marginBounds(model, method, { inputs, labels, epsilon })
      const plain = await marginsBy(crown({ norm }))
      const intervals = await marginsBy(crownIbp({ norm }))
      for (const cuts of ['first layer', 1] as const) {
        const cut = await marginsBy(crown({ norm, cuts }))
        cut.forEach((margin, index) => {
          if (index % model.classes === labels[Math.floor(index / model.classes)]) return
          if (plain[index] > 0) positive++
          else negative++
          if (plain[index] > 0) expect(margin).toBeGreaterThan(0)
          // Rows that stand among others are summed in another order.
          else expect(margin).toBeGreaterThanOrEqual(plain[index] - 1e-5 * Math.abs(plain[index]))
          // What is certified by contradiction is positive and no number.
          if (margin > 1e-40) expect(margin).toBeGreaterThan(intervals[index] - 1e-4 * Math.abs(intervals[index]))
        })
      }
    }
    expect(positive).toBeGreaterThan(10)
    expect(negative).toBeGreaterThan(10)
  },
)
