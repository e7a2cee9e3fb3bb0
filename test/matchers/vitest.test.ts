import { beforeAll, describe, expect, test, vi } from 'vitest'
import '../../matchers/vitest.js'
import type { Attack } from '../../src/attacks/attack.js'
import type { BudgetRequest } from '../../src/budget.js'
import type { Classifier } from '../../src/model/classifier.js'
import { fools, samplesBelow, thresholdModel } from './subject.js'

/** The time, which passes only where a test lets it. */
const clock = vi.hoisted(() => ({ milliseconds: 0 }))
vi.mock('node:perf_hooks', () => ({ performance: { now: () => clock.milliseconds } }))

let model: Classifier
beforeAll(async () => {
  model = await thresholdModel()
})

const samples = samplesBelow(5)

/** Goes on until the budget ends it. */
function endless(): Attack {
  const attack = fools(0, { interrupted: true })
  return {
    ...attack,
    run: async (context) => {
      while (await context.budget.next()) clock.milliseconds += 50
      return attack.run(context)
    },
  }
}

async function timeUntilUp(budget?: BudgetRequest): Promise<number> {
  const start = clock.milliseconds
  await expect(expect(model).toResistAttack(endless(), { samples, budget })).rejects.toThrow('The time was up')
  return clock.milliseconds - start
}

test('a check ends at 90 % of the timeout of its test', { timeout: 100_000 }, async () => {
  expect(await timeUntilUp()).toBe(90_000)
})

test('the time that the test has spent before is taken off', { timeout: 100_000 }, async () => {
  clock.milliseconds += 40_000
  expect(await timeUntilUp()).toBe(50_000)
})

test('a budget that is given takes precedence', async () => {
  expect(await timeUntilUp({ milliseconds: 1000 })).toBe(1000)
  expect(await timeUntilUp({ signal: AbortSignal.abort() })).toBe(0)
})

test('is not tried again and again until it passes', async () => {
  const attack = fools(0)
  const run = vi.spyOn(attack, 'run')
  const poll = async () => expect.poll(() => model, { timeout: 1 }).toResistAttack(attack, { samples })
  await expect(poll()).rejects.toThrow('expect.poll() tries a check again and again until it passes')
  expect(run).not.toHaveBeenCalled()
})

describe('a second attempt', () => {
  let attempts = 0
  test('has all of its time again', { timeout: 100_000, retry: 1 }, async () => {
    if (attempts++ === 0) {
      clock.milliseconds += 60_000
      throw new Error('Once more.')
    }
    expect(await timeUntilUp()).toBe(90_000)
  })
})
