import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { pgd } from '../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../src/attacks/run-attack.js'
import { crown } from '../src/bounds/crown.js'
import { bound } from '../src/bounds/run-bound.js'
import { attackEvidence } from '../src/checks/attack-evidence.js'
import { engine } from '../src/engine/engine.js'
import { epsilonSweep } from '../src/measures/epsilon-sweep.js'
import { samplesBelow, thresholdModel } from './matchers/subject.js'
import { seed } from './seed.js'

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})
afterAll(() => engine.close())

test('durations and deadlines are those of the world where tests fake the time', async () => {
  const model = await thresholdModel()
  const samples = samplesBelow(5)
  const method = pgd({ epsilon: 0.6 })
  expect((await attack(model, method, samples)).milliseconds).toBeGreaterThan(0)
  expect((await bound(model, crown({ norm: 'linf' }), samples)).milliseconds).toBeGreaterThan(0)
  const evidence = await attackEvidence(model, method, samples, { maxFoolingRatio: 1, seed, budget: 60_000 })
  expect(evidence.milliseconds).toBeGreaterThan(0)
  const sweep = await epsilonSweep(model, (epsilon) => pgd({ epsilon }), {
    ...samples,
    epsilons: [0.6],
    budget: 60_000,
  })
  expect(sweep.interrupted).toBe(false)
  await model.close()
})
