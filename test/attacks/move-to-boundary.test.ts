import { afterAll, expect, test } from 'vitest'
import type { AttackContext } from '../../src/attacks/attack.js'
import { moveToBoundary } from '../../src/attacks/iteration/move-to-boundary.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSources } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'

afterAll(() => engine.close())

// Class 0 below 1, class 1 from 1 to 2, class 2 above.
const bytes = denseModel({ weights: [[0], [1], [2]], bias: [0, -1, -3] })

async function context(changed: Partial<AttackContext> = {}): Promise<AttackContext> {
  const model = await loadModel(bytes, { domain: [0, 4] })
  return {
    model,
    inputs: { data: Float32Array.of(0, 0.5), shape: [2, 1] },
    epsilons: undefined,
    labels: Int32Array.of(0, 0),
    targets: undefined,
    random: randomSources(seed, [0, 1]),
    budget: startBudget(),
    otherSamples: () => Promise.reject(new Error('not asked for')),
    progress: () => {},
    ...changed,
  }
}

test('candidates end at the boundary of the label', async () => {
  const given = await context()
  const adversarial = Float32Array.of(4, 3)
  const forwardQueries = new Int32Array(2)
  expect(await moveToBoundary(given, adversarial, [0, 1], 2 ** -20, forwardQueries)).toBe(true)
  for (const point of adversarial) {
    expect(point).toBeGreaterThan(1)
    expect(point).toBeLessThan(1.00001)
  }
  // Halving would take 20.
  for (const passes of forwardQueries) expect(passes).toBeLessThan(10)
  await given.model.close()
})

test('with a target, at the boundary of the target', async () => {
  const given = await context({ targets: Int32Array.of(2, 1) })
  const adversarial = Float32Array.of(4, 1.5)
  await moveToBoundary(given, adversarial, [0, 1], 2 ** -20, new Int32Array(2))
  expect(adversarial[0]).toBeGreaterThan(2)
  expect(adversarial[0]).toBeLessThan(2.00001)
  expect(adversarial[1]).toBeGreaterThan(1)
  expect(adversarial[1]).toBeLessThan(1.00001)
  await given.model.close()
})

test('samples that are not fooled stay, and an exhausted budget changes nothing', async () => {
  const given = await context()
  const adversarial = Float32Array.of(4, 3)
  await moveToBoundary(given, adversarial, [1], 2 ** -4, new Int32Array(2))
  expect(adversarial[0]).toBe(4)
  expect(adversarial[1]).toBeLessThan(3)
  const late = { ...given, budget: startBudget(0) }
  const before = Float32Array.from(adversarial)
  expect(await moveToBoundary(late, adversarial, [0, 1], 2 ** -4, new Int32Array(2))).toBe(false)
  expect(adversarial).toEqual(before)
  await given.model.close()
})
