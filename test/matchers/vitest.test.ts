import { beforeAll, describe, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import type { Attack } from '../../src/attacks/attack.js'
import type { Classifier } from '../../src/model/classifier.js'
import { fools, samplesBelow, thresholdModel } from './subject.js'

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
      while (await context.budget.next()) {}
      return attack.run(context)
    },
  }
}

async function secondsToTimeUp(options: { budget?: { milliseconds?: number; signal?: AbortSignal } } = {}) {
  const start = performance.now()
  await expect(expect(model).toResistAttack(endless(), { samples, ...options })).rejects.toThrow('The time was up')
  return (performance.now() - start) / 1000
}

test('a check ends at 90 % of the timeout of its test', { timeout: 2000 }, async () => {
  expect(await secondsToTimeUp()).toBeGreaterThan(1.4)
})

test('the time that the test has spent before is taken off', { timeout: 2000 }, async () => {
  await new Promise((resolve) => setTimeout(resolve, 1000))
  expect(await secondsToTimeUp()).toBeLessThan(1.3)
})

test('a budget that is given takes precedence', async () => {
  expect(await secondsToTimeUp({ budget: { milliseconds: 50 } })).toBeLessThan(1)
  expect(await secondsToTimeUp({ budget: { signal: AbortSignal.timeout(50) } })).toBeLessThan(1)
})

describe('a second attempt', () => {
  let attempts = 0
  test('has all of its time again', { timeout: 1500, retry: 1 }, async () => {
    if (attempts++ === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1100))
      throw new Error('Once more.')
    }
    expect(await secondsToTimeUp()).toBeGreaterThan(0.8)
  })
})
