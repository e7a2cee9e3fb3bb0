import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FixtureName, loadFixture } from '../../fixtures/index.js'
import { engine } from '../../src/engine/engine.js'
import * as unfooled from '../../src/index.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { takeShard } from '../../src/sampling/shard.js'
import { attackList } from '../attack-list.mjs'
import { seed } from '../seed.js'
import { randomNetwork } from './random-network.js'

const { attack, firstSamples, loadModel } = unfooled

afterAll(() => engine.close())

// Shards have two samples, or one.
const [total, shards] = [20, 16]

async function load(fixture: FixtureName) {
  const { modelPath, domain, samples } = await loadFixture(fixture)
  return { model: await loadModel(modelPath, { domain }), samples: firstSamples(samples, total) }
}

/** To the last bit; counts of gradients are rounded up to those that a run of a whole batch took. */
async function expectShardsToAgree(
  { model, samples }: Awaited<ReturnType<typeof load>>,
  method: unfooled.Attack,
): Promise<void> {
  const outcomes = async (part: unfooled.Samples) => {
    const { samples } = await attack(model, method, { ...part, seed })
    return samples.map(({ gradientQueries: _, ...outcome }) => outcome)
  }
  const whole = await outcomes(samples)
  const parts: (typeof whole)[] = []
  for (const shard of range(shards)) {
    parts.push(await outcomes(takeShard(samples, { index: shard + 1, count: shards })))
  }
  expect(range(total).map((sample) => parts[sample % shards][Math.floor(sample / shards)])).toEqual(whole)
  expect(whole.some(({ fooled }) => fooled)).toBe(true)
}

describe('every attack', () => {
  let digits: Awaited<ReturnType<typeof load>>
  beforeAll(async () => {
    digits = await load('digits_cnn')
  })
  const epsilons: Partial<Record<unfooled.AttackNorm, number>> = {
    linf: 0.1,
    l3: 0.4,
    l2: 0.7,
    'l1.5': 1,
    l1: 3,
    l0: 3,
  }
  // Each region of a convolution takes too long for a test; a small network follows.
  const list = attackList(unfooled).filter(({ name }) => name !== 'linearRegion')
  const cases = list.flatMap(({ name, norms, make }) =>
    norms.map((norm) => ({
      name,
      norm,
      method: (model: unfooled.Classifier) => make({ norm, epsilon: epsilons[norm]!, quick: true, model }),
    })),
  )

  test.each(cases)('$name $norm finds the same in 16 shards as in one batch', ({ method }) =>
    expectShardsToAgree(digits, method(digits.model)),
  )
})

test.each(['linf', 'l2', 'l1'] as const)('linearRegion %s, on a small network', async (norm) => {
  const { model, inputs } = await randomNetwork(randomSource(seed), total)
  await expectShardsToAgree({ model, samples: { inputs } }, unfooled.linearRegion({ norm, kicks: 2 }))
  await model.close()
})

test.each([
  unfooled.pgd({ epsilon: 0.15, steps: 5, restarts: 3 }),
  unfooled.apgd({ norm: 'l2', epsilon: 2, steps: 10, restarts: 2 }),
])('$name with restarts, on max pooling', async (method) => {
  const lenet = await load('mnist_lenet')
  await expectShardsToAgree(lenet, method)
  await lenet.model.close()
})
